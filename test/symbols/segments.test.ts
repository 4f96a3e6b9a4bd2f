import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Segment, virtualAddress } from "../../src/symbols/segments.js";

const segment = (address: number, offset: number, size: number): Segment => ({
  flags: 5,
  offset,
  address,
  fileSize: size,
  memorySize: size,
});
/** A position-independent program: its code stands at 0x2000 in the file, at 0x3000 in its own terms. */
const independent = [segment(0, 0, 0x1000), segment(0x3000, 0x2000, 0x5000)];
/** A program with addresses of its own. */
const fixed = [segment(0x400000, 0, 0x1000), segment(0x401000, 0x1000, 0x5000)];

describe("the ELF address of a frame", () => {
  for (const [what, segments, address, start, limit, fileOffset, expected] of [
    ["at run time", independent, 0x5555_0000_2010, 0x5555_0000_2000, 0x5555_0000_7000, 0x2000, 0x3010],
    [
      "in the second page of a mapping",
      independent,
      0x7f00_0000_3abc,
      0x7f00_0000_2000,
      0x7f00_0000_9000,
      0x2000,
      0x4abc,
    ],
    ["that it has already", independent, 0x3456, 0x3000, 0x8000, 0x2000, 0x3456],
    ["that it has already, in a mapping of the whole file", fixed, 0x401234, 0x400000, 0x406000, 0, 0x401234],
    ["of a program that is not moved", fixed, 0x401234, 0x401000, 0x406000, 0x1000, 0x401234],
    ["without a mapping", independent, 0x3456, 0, 0, 0, 0x3456],
    ["outside of its mapping", independent, 0x99, 0x5555_0000_2000, 0x5555_0000_7000, 0x2000, 0x99],
    [
      "of a place that the file doesn't have",
      independent,
      0x5555_0000_2010,
      0x5555_0000_2000,
      0x5555_0000_7000,
      0x90000,
      0x5555_0000_2010,
    ],
  ] as const) {
    it(what, () => {
      assert.equal(virtualAddress(segments, address, { start, limit, fileOffset }), expected);
    });
  }
});
