import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Segment, virtualAddress } from "../../src/symbols/segments.js";

const segment = (address: bigint, offset: number, size: number): Segment => ({
  flags: 5,
  offset,
  address,
  fileSize: size,
  memorySize: size,
});
/** A position-independent program: its code stands at 0x2000 in the file, at 0x3000 in its own terms. */
const independent = [segment(0n, 0, 0x1000), segment(0x3000n, 0x2000, 0x5000)];
/** A program with addresses of its own. */
const fixed = [segment(0x400000n, 0, 0x1000), segment(0x401000n, 0x1000, 0x5000)];

describe("the ELF address of a frame", () => {
  for (const [what, segments, address, start, limit, fileOffset, expected] of [
    ["at run time", independent, 0x5555_0000_2010n, 0x5555_0000_2000n, 0x5555_0000_7000n, 0x2000n, 0x3010n],
    [
      "in the second page of a mapping",
      independent,
      0x7f00_0000_3abcn,
      0x7f00_0000_2000n,
      0x7f00_0000_9000n,
      0x2000n,
      0x4abcn,
    ],
    ["that it has already", independent, 0x3456n, 0x3000n, 0x8000n, 0x2000n, 0x3456n],
    ["that it has already, in a mapping of the whole file", fixed, 0x401234n, 0x400000n, 0x406000n, 0n, 0x401234n],
    ["of a program that is not moved", fixed, 0x401234n, 0x401000n, 0x406000n, 0x1000n, 0x401234n],
    ["without a mapping", independent, 0x3456n, 0n, 0n, 0n, 0x3456n],
    ["outside of its mapping", independent, 0x99n, 0x5555_0000_2000n, 0x5555_0000_7000n, 0x2000n, 0x99n],
    [
      "of a place that the file doesn't have",
      independent,
      0x5555_0000_2010n,
      0x5555_0000_2000n,
      0x5555_0000_7000n,
      0x90000n,
      0x5555_0000_2010n,
    ],
  ] as const) {
    it(what, () => {
      assert.equal(virtualAddress(segments, address, { start, limit, fileOffset }), expected);
    });
  }
});
