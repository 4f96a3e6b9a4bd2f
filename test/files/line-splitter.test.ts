import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LineSplitter } from "../../src/files/line-splitter.js";

function split(maxLineBytes: number, pieces: readonly string[]) {
  let tooLong = 0;
  const splitter = new LineSplitter(maxLineBytes, () => tooLong++);
  const lines: string[] = [];
  for (const piece of pieces) for (const line of splitter.push(Buffer.from(piece))) lines.push(line.toString());
  return { lines, tooLong, rest: splitter.unfinished()?.toString(), splitter };
}

describe("line splitter", () => {
  it("gives the same lines whatever pieces they come in", () => {
    const text = "one\n\ntwo three\nfour\nfi";
    for (let size = 1; size <= text.length; size++) {
      const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
        text.slice(i * size, (i + 1) * size),
      );
      const { lines, tooLong, rest } = split(9, pieces);
      assert.deepEqual({ lines, tooLong, rest }, { lines: ["one", "", "two three", "four"], tooLong: 0, rest: "fi" });
    }
  });

  it("leaves out a line past the limit, once counted, and no other", () => {
    const text = "short\ntoo long by far\nshort\n";
    for (let size = 1; size <= text.length; size++) {
      const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
        text.slice(i * size, (i + 1) * size),
      );
      const { lines, tooLong, rest } = split(5, pieces);
      assert.deepEqual({ lines, tooLong, rest }, { lines: ["short", "short"], tooLong: 1, rest: undefined });
    }
  });

  it("holds no more than the limit, and forgets when told", () => {
    const { splitter, rest } = split(4, ["ab", "cd"]);
    assert.equal(rest, "abcd");
    assert.equal(splitter.unfinishedBytes, 4);
    splitter.forget();
    assert.equal(splitter.unfinishedBytes, 0);
    assert.deepEqual([...splitter.push(Buffer.from("e\n"))].map(String), ["e"]);
  });
});
