import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { DictLine, DictLocation } from "../../src/pdata/dictionary.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { TABLES } from "../../src/pdata/tables.js";

const recorded = () => Profiles.parse(readFileSync("test/fixtures/otlp-ebpf/0003.pb"));
const locationsOf = ({ dictionary }: Profiles): DictLocation[] =>
  Array.from({ length: dictionary.locationCount }, (_, index) => dictionary.location(index));
const encoded = (profiles: Profiles) => Profiles.parse(Buffer.concat(profiles.encode()));

/** Names every third unnamed location. */
function nameSome(profiles: Profiles): Map<number, DictLine[]> {
  const { dictionary } = profiles;
  const lines = new Map<number, DictLine[]>();
  locationsOf(profiles).forEach((location, index) => {
    if (index === 0 || location.lines.length > 0 || index % 3 !== 0) return;
    const nameIndex = dictionary.appendString(`f${index}`);
    const filenameIndex = dictionary.appendString("a.go");
    const functionIndex = dictionary.appendFunction({ nameIndex, systemNameIndex: 0, filenameIndex, startLine: 7n });
    const outer = dictionary.appendFunction({ nameIndex: 0, systemNameIndex: 0, filenameIndex: 0, startLine: 0n });
    lines.set(index, [
      { functionIndex, line: BigInt(index), column: 0n },
      { functionIndex: outer, line: 0n, column: 300n },
    ]);
  });
  profiles.setLocationLines(lines);
  return lines;
}

describe("lines given to locations", () => {
  it("stand at their indices, and everything else stays what it was", () => {
    const profiles = recorded();
    const before = locationsOf(profiles);
    const countsBefore = TABLES.map((table) => profiles.dictionary.count(table));
    const lines = nameSome(profiles);
    assert.ok(lines.size > 200);
    for (const each of [profiles, encoded(profiles)]) {
      assert.deepEqual(
        locationsOf(each),
        before.map((location, index) => ({ ...location, lines: lines.get(index) ?? location.lines })),
      );
      const { dictionary } = each;
      const [[index, [line]]] = lines;
      const named = dictionary.function(line.functionIndex);
      assert.equal(dictionary.string(named.nameIndex), `f${index}`);
      assert.equal(dictionary.string(named.filenameIndex), "a.go");
      assert.equal(named.startLine, 7n);
      // One function and name for each location, one file, one empty function.
      const added = [0, 0, lines.size + 1, 0, lines.size + 1, 0, 0];
      assert.deepEqual(
        TABLES.map((table) => dictionary.count(table)),
        countsBefore.map((count, i) => count + added[i]),
      );
      assert.equal(each.sampleCount, recorded().sampleCount);
    }
  });

  it("go through a dictionary that is rebuilt, and stay out of copies", () => {
    const profiles = recorded();
    const copy = profiles.copy();
    nameSome(profiles);
    assert.deepEqual(Buffer.concat(copy.encode()), Buffer.concat(recorded().encode()));
    profiles.filterResources((resource) => resource.sampleCount > 1);
    const rebuilt = encoded(profiles);
    const names = Array.from({ length: rebuilt.dictionary.functionCount }, (_, i) =>
      rebuilt.dictionary.string(rebuilt.dictionary.function(i).nameIndex),
    );
    assert.ok(names.filter((name) => /^f\d+$/.test(name)).length > 100);
  });

  it("can be given twice, and replace what was there", () => {
    const profiles = recorded();
    nameSome(profiles);
    const [index] = nameSome(profiles).keys();
    const { length } = locationsOf(profiles);
    profiles.setLocationLines(new Map([[index, []]]));
    assert.deepEqual(encoded(profiles).dictionary.location(index).lines, []);
    assert.equal(profiles.dictionary.locationCount, length);
  });

  it("leave a batch untouched where there are none", () => {
    const profiles = recorded();
    profiles.setLocationLines(new Map());
    assert.equal(profiles.untouched, true);
  });

  it("are counted by stacks that samples name", () => {
    const profile = recorded().resources[0].scopes[0].profiles[0];
    assert.deepEqual(profile.stacks(), profile.columns().stack);
  });
});
