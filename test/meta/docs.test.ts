import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";

const folders = ["docs", "receivers", "processors", "exporters", "connectors", "extensions", "src", "config"];

function filesBelow(dir: string, extension: RegExp): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .filter((file) => extension.test(file))
    .map((file) => join(dir, file));
}

const pages = [
  ...readdirSync(".").filter((file) => file.endsWith(".md")),
  ...folders.flatMap((folder) => filesBelow(folder, /\.md$/)),
];
const text = (file: string) => readFileSync(file, "utf8");

/** GitHub's anchor of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");
}

describe("the docs", () => {
  it("link to what exists", () => {
    const broken = pages.flatMap((page) =>
      [...text(page).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target]) => target)
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => {
          const [path, hash] = target.split("#");
          const file = path === "" ? page : join(dirname(page), path);
          if (!existsSync(file)) return true;
          if (hash === undefined) return false;
          const headings = [...text(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading));
          return !headings.includes(hash);
        })
        .map((target) => `${page}: ${target}`),
    );
    assert.deepEqual(broken, []);
  });

  it("name only npm scripts that exist", () => {
    const { scripts } = JSON.parse(text("package.json"));
    const missing = pages.flatMap((page) =>
      [...text(page).matchAll(/\bnpm run (?:--\w+ )*([a-z:0-9]+)/g)]
        .map(([, name]) => name)
        .filter((name) => scripts[name] === undefined)
        .map((name) => `${page}: ${name}`),
    );
    assert.deepEqual(missing, []);
  });

  it("name only metrics of ours that the code has", () => {
    const sources = ["src", "receivers", "processors", "exporters", "connectors", "extensions"]
      .flatMap((folder) => filesBelow(folder, /\.ts$/))
      .map(text)
      .join("\n");
    const unknown = pages.flatMap((page) =>
      [...text(page).matchAll(/\b((?:flamepipe|otelcol)_[a-z_]+[a-z])\b/g)]
        .map(([, name]) => name)
        .filter((name) => !sources.includes(name))
        .map((name) => `${page}: ${name}`),
    );
    assert.deepEqual([...new Set(unknown)], []);
  });

  it("have README commands that .ci/run runs", () => {
    assert.match(text("README.md"), /^npm ci && npm test$/m);
    assert.match(text(".ci/run"), /npm ci && npm test\b/);
  });
});
