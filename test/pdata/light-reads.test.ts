import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { readFunctionName, readFunctions, readStack } from "../../src/pdata/light-reads.js";
import { Profiles } from "../../src/pdata/profiles.js";

const { dictionary } = Profiles.parse(readFileSync("test/fixtures/otlp-ebpf/0001.pb"));

describe("light reads of a recorded dictionary", () => {
  it("find the stacks, lines and names that decoded entries have", () => {
    // Longer than most lists: what a call leaves behind is no part of the next one's.
    const into: number[] = new Array(300).fill(-1);
    for (let i = 0; i < dictionary.stackCount; i++) {
      const count = readStack(dictionary, i, into);
      assert.deepEqual(into.slice(0, count), [...dictionary.stack(i)]);
    }
    for (let i = 0; i < dictionary.locationCount; i++) {
      const count = readFunctions(dictionary, i, into);
      const expected = dictionary.location(i).lines.map(({ functionIndex }) => functionIndex);
      assert.deepEqual(into.slice(0, count), expected);
    }
    for (let i = 0; i < dictionary.functionCount; i++) {
      assert.equal(readFunctionName(dictionary, i), dictionary.function(i).nameIndex);
    }
  });

  it("find nothing where there is no entry, and appended ones", () => {
    assert.equal(readStack(dictionary, dictionary.stackCount, []), 0);
    assert.equal(readFunctions(dictionary, dictionary.locationCount, []), 0);
    const own = dictionary.copy();
    const nameIndex = own.appendString("main.appended");
    const index = own.appendFunction({ nameIndex, systemNameIndex: 0, filenameIndex: 0, startLine: 2n ** 40n });
    assert.equal(readFunctionName(own, index), nameIndex);
  });
});
