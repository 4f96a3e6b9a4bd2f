import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { components } from "../contract/components.js";

/** The build that this test belongs to. */
const dist = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");
let root: string;

function docs(...flags: string[]): { status: number | null; lines: string[] } {
  const run = spawnSync(process.execPath, [join(root, "scripts", "docs.mjs"), ...flags], { encoding: "utf8" });
  return { status: run.status, lines: run.stderr.split("\n").filter(Boolean) };
}

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

const readmeOf = (folder: string) => join(folder, "README.md");

describe("scripts/docs.mjs", () => {
  before(() => {
    root = mkdtempSync(join(tmpdir(), "flamepipe-docs-"));
    cpSync("scripts", join(root, "scripts"), { recursive: true });
    symlinkSync(dist, join(root, "dist"));
    symlinkSync(resolve("node_modules"), join(root, "node_modules"));
    mkdirSync(join(root, "config"));
    write("README.md", "# top\n<!-- components:begin -->\n<!-- components:end -->\nend\n");
    for (const { folder } of components) {
      write(readmeOf(folder), `# ${folder}\n<!-- keys:begin -->\nold\n<!-- keys:end -->\nend\n`);
    }
  });

  after(() => rmSync(root, { recursive: true, force: true }));

  it("with --check names every file that is out of date, and writes nothing", () => {
    const { status, lines } = docs("--check");
    const files = ["config/schema.json", "README.md", ...components.map(({ folder }) => readmeOf(folder))];
    assert.deepEqual(lines.sort(), files.map((file) => `${file} is out of date: run \`npm run docs\``).sort());
    assert.equal(status, 1);
    assert.equal(existsSync(join(root, "config", "schema.json")), false);
  });

  it("writes them, and then finds them current", () => {
    assert.deepEqual(docs(), { status: 0, lines: [] });
    assert.deepEqual(docs("--check"), { status: 0, lines: [] });
    const table = read("README.md");
    for (const { factory, folder } of components)
      assert.ok(table.includes(`| [\`${factory.type}\`](${folder})`), folder);
    assert.match(table, /^# top\n<!-- components:begin -->\n[\s\S]*<!-- components:end -->\nend\n$/);
    assert.equal(JSON.parse(read("config/schema.json")).title, "flamepipe configuration");
  });

  it("gives every key its type, default and meaning, keys of structs below their struct", () => {
    const keys = read("exporters/otlp_grpc/README.md");
    assert.match(keys, /^\| `endpoint` \| string \| .* \| \S.* \|$/m);
    assert.match(keys, /^\| `timeout` \| duration \| `5s` \| \S.* \|$/m);
    assert.match(keys, /^\| `sending_queue\.queue_size` \| int \| `1000` \| \S.* \|$/m);
    assert.match(keys, /^\| `sending_queue\.sizer` \| requests, items, bytes \| `requests` \| \S.* \|$/m);
    assert.match(keys, /^\| `headers` \| map of secret strings or list of maps \|/m);
    assert.match(keys, /^\| `headers\[\]\.name` \| string \| required \|/m);
    assert.equal(
      read("exporters/nop/README.md"),
      "# exporters/nop\n<!-- keys:begin -->\nIt has no keys.\n<!-- keys:end -->\nend\n",
    );
  });

  it("names a page that is missing or has no place for the table", () => {
    rmSync(join(root, "exporters", "nop", "README.md"));
    write("exporters/debug/README.md", "# debug\n");
    const { status, lines } = docs("--check");
    assert.deepEqual(lines, [
      "exporters/debug/README.md lacks the lines <!-- keys:begin --> and <!-- keys:end -->",
      "exporters/nop/README.md is missing",
    ]);
    assert.equal(status, 1);
  });

  it("says what to do without a build", () => {
    assert.deepEqual(docs("--dist", "nowhere"), {
      status: 1,
      lines: ["nowhere/ is missing: run `npm run build` first"],
    });
  });
});
