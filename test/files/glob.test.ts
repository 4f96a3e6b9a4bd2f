import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { glob, matchesGlob } from "../../src/files/glob.js";

const files = ["a.txt", "b.txt", "b.log", ".hidden.txt", "sub/a.txt", "sub/deep/a.txt", "sub/deep/x[1].txt", "A+b.txt"];
let root: string;

before(() => {
  root = mkdtempSync(join(tmpdir(), "flamepipe-glob-"));
  mkdirSync(join(root, "sub/deep"), { recursive: true });
  for (const file of files) writeFileSync(join(root, file), "");
  mkdirSync(join(root, "dir.txt"));
  symlinkSync(root, join(root, "sub/loop"));
});
after(() => rmSync(root, { recursive: true, force: true }));

const cases: [pattern: string, found: string[]][] = [
  ["a.txt", ["a.txt"]],
  ["*.txt", ["A+b.txt", "a.txt", "b.txt"]],
  ["?.txt", ["a.txt", "b.txt"]],
  ["[ab].txt", ["a.txt", "b.txt"]],
  ["[!a].txt", ["b.txt"]],
  ["[a-a].t?t", ["a.txt"]],
  ["{a,b}.{txt,log}", ["a.txt", "b.log", "b.txt"]],
  ["*/a.txt", ["sub/a.txt"]],
  ["**/a.txt", ["a.txt", "sub/a.txt", "sub/deep/a.txt"]],
  ["sub/**/*.txt", ["sub/a.txt", "sub/deep/a.txt", "sub/deep/x[1].txt"]],
  ["sub/deep/x[[]1].txt", ["sub/deep/x[1].txt"]],
  [".*.txt", [".hidden.txt"]],
  ["A+b.txt", ["A+b.txt"]],
  ["none/*.txt", []],
];

describe("glob", () => {
  for (const [pattern, found] of cases) {
    it(`${pattern} finds ${found.join(", ") || "nothing"}`, async () => {
      assert.deepEqual(
        await glob(join(root, pattern)),
        found.map((file) => join(root, file)),
      );
      const regular = files.filter((file) => matchesGlob(join(root, file), join(root, pattern)));
      assert.deepEqual(regular.sort(), [...found].sort());
    });
  }

  it("takes relative patterns from the working directory", async () => {
    assert.deepEqual(await glob("pack?ge.json"), ["package.json"]);
  });

  it("stops at its limits", async () => {
    const all = join(root, "**", "*");
    await assert.rejects(glob(all, { maxFiles: 2, maxEntries: 100 }), /more than 2 files/);
    await assert.rejects(glob(all, { maxFiles: 100, maxEntries: 3 }), /more than 3 directory entries/);
  });
});
