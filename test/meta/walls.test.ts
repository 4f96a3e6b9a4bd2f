import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { after, before, describe, it } from "node:test";

/** What each room may import, in full: everything else that is named below must be refused. */
const allowed: Record<string, string[]> = {
  "src/proto": ["protobufjs"],
  "src/pdata": ["src/proto"],
  "src/gzip": [],
  "src/codec": ["src/gzip", "src/pdata", "src/proto"],
  "src/files": [],
  "src/proc": [],
  "src/symbols": [],
  "src/telemetry": ["prom-client", "pino", "@opentelemetry/api"],
  "src/component": ["src/pdata", "src/proto", "src/telemetry", "zod"],
  "src/regexp": ["src/pdata", "re2js"],
  "src/relabel": ["src/pdata", "src/regexp", "zod"],
  "src/attributes": ["src/pdata", "src/regexp", "zod"],
  "src/net": ["src/component", "src/gzip", "src/pdata", "src/proto", "src/telemetry", "@grpc/grpc-js", "undici", "zod"],
  "src/delivery": ["src/component", "src/pdata", "src/telemetry", "zod"],
  "src/graph": ["src/component", "src/pdata", "src/telemetry"],
  "src/config": ["src/component", "src/pdata", "src/telemetry", "yaml", "zod"],
  "src/service": [..."component config graph net pdata telemetry".split(" ").map((room) => `src/${room}`), "zod"],
  "src/cli": [
    ..."attributes component config graph net pdata proc proto regexp relabel service symbols telemetry"
      .split(" ")
      .map((room) => `src/${room}`),
    "commander",
    "zod",
  ],
};

const shared = "attributes codec component delivery files net pdata proc proto regexp relabel symbols telemetry";
const kinds = ["receivers", "processors", "exporters", "connectors", "extensions"];
for (const kind of kinds) {
  allowed[`${kind}/sample`] = [...shared.split(" ").map((room) => `src/${room}`), "zod"];
}

const packages = [
  "protobufjs",
  "prom-client",
  "pino",
  "@opentelemetry/api",
  "re2js",
  "@grpc/grpc-js",
  "undici",
  "yaml",
  "commander",
  "zod",
  "left-pad",
];
const rooms = Object.keys(allowed).filter((room) => room.startsWith("src/"));
const components = kinds.map((kind) => `${kind}/other`);
const biome = join("node_modules", "@biomejs", "biome", "bin", "biome");

/** Every import that a file in `from` could try, with what it means: one per line of the probe. */
function attempts(from: string): { meaning: string; specifier: string }[] {
  const inside = (target: string, file: string) => {
    const specifier = posix.join(posix.relative(from, target), file);
    return { meaning: target, specifier: specifier.startsWith(".") ? specifier : `./${specifier}` };
  };
  return [
    ...packages.map((name) => ({ meaning: name, specifier: name })),
    ...packages.map((name) => ({ meaning: name, specifier: `${name}/deep/file.js` })),
    ...[...rooms, ...components].filter((room) => !from.startsWith(room)).map((room) => inside(room, "x.js")),
    ...kinds.map((kind) => ({ ...inside(kind, "index.js"), meaning: `${kind}/index.js` })),
    { ...inside("src", "main.js"), meaning: "src/main.js" },
  ];
}

/** Our rules as they are, in a folder that is no git repository. */
function copyConfig(folder: string): void {
  const config = JSON.parse(readFileSync("biome.json", "utf8"));
  delete config.$schema;
  config.vcs = { enabled: false };
  writeFileSync(join(folder, "biome.json"), JSON.stringify(config));
}

let root: string;
let refused: Set<string>;

/** Lints the whole of `root`; "file:line" of every import that was refused. */
function lint(): Set<string> {
  const args = [biome, "lint", "--reporter=github", "--max-diagnostics=none", `--config-path=${root}`, root];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.equal(status, 1, `${stdout}${stderr}`);
  const found = new Set<string>();
  for (const [, file, line] of stdout.matchAll(
    /^::error title=lint\/style\/noRestrictedImports,file=(.*?),line=(\d+)/gm,
  )) {
    found.add(`${file.slice(root.length + 1)}:${line}`);
  }
  return found;
}

function probe(file: string, lines: string[]): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), lines.map((line) => `${line}\n`).join(""));
}

describe("import walls", () => {
  before(() => {
    root = mkdtempSync(join(tmpdir(), "flamepipe-walls-"));
    copyConfig(root);
    for (const room of Object.keys(allowed)) {
      for (const folder of [room, `${room}/nested`]) {
        probe(
          `${folder}/probe.ts`,
          attempts(folder).map(({ specifier }) => `import ${JSON.stringify(specifier)};`),
        );
      }
    }
    for (const kind of kinds) {
      const lines = ["./otlp/index.js", "../src/component/factory.js", "../src/graph/build.js", "zod"];
      probe(
        `${kind}/index.ts`,
        lines.map((specifier) => `import ${JSON.stringify(specifier)};`),
      );
    }
    probe("src/graph/kinds-of-import.ts", [
      'import type { A } from "../service/a.js";',
      'export * from "../service/b.js";',
      'export const c = await import("../service/c.js");',
      'import "fs";',
      'import "node:fs/promises";',
      'import "./own.js";',
    ]);
    probe("test/graph/free.test.ts", ['import "../../src/service/a.js";', 'import "@grpc/grpc-js";']);
    refused = lint();
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  for (const [room, open] of Object.entries(allowed)) {
    for (const folder of [room, `${room}/nested`]) {
      it(`${folder} imports only what it may`, () => {
        const wrong = attempts(folder).filter(({ meaning }, index) => {
          return refused.has(`${folder}/probe.ts:${index + 1}`) === open.includes(meaning);
        });
        assert.deepEqual(wrong, []);
      });
    }
  }

  for (const kind of kinds) {
    it(`${kind}/index.ts lists components and nothing else`, () => {
      const lines = [1, 2, 3, 4].filter((line) => refused.has(`${kind}/index.ts:${line}`));
      assert.deepEqual(lines, [3, 4]);
    });
  }

  it("sees type imports, re-exports and dynamic imports, and leaves node and neighbours alone", () => {
    const lines = [1, 2, 3, 4, 5, 6].filter((line) => refused.has(`src/graph/kinds-of-import.ts:${line}`));
    assert.deepEqual(lines, [1, 2, 3, 4]);
  });

  it("lets tests look at everything", () => {
    assert.deepEqual(
      [...refused].filter((place) => place.startsWith("test/")),
      [],
    );
  });
});

describe("import cycles", () => {
  it("are refused between files of one room", () => {
    const folder = mkdtempSync(join(tmpdir(), "flamepipe-cycle-"));
    try {
      copyConfig(folder);
      mkdirSync(join(folder, "src", "pdata"), { recursive: true });
      writeFileSync(join(folder, "src/pdata/a.ts"), 'import { b } from "./b.js";\nexport const a = () => b();\n');
      writeFileSync(join(folder, "src/pdata/b.ts"), 'import { a } from "./a.js";\nexport const b = () => a();\n');
      const args = [biome, "lint", "--reporter=github", `--config-path=${folder}`, folder];
      const { stdout, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
      assert.equal(status, 1);
      assert.match(stdout, /noImportCycles,file=.*src\/pdata\/a\.ts/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
