import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BodyChunks } from "../../src/net/body-chunks.js";
import { createRandom } from "../support/random.js";

const random = createRandom(7);
const noise = Buffer.from(Array.from({ length: 100_000 }, () => random.int(256)));

describe("a body in chunks", () => {
  it("is what was sent, however it was cut", () => {
    for (const longest of [1, 5, 300, 4095, 4096, 5000, 60_000]) {
      const chunks = new BodyChunks();
      for (let at = 0; at < noise.length; ) {
        const end = Math.min(noise.length, at + 1 + random.int(longest));
        chunks.add(noise.subarray(at, end));
        assert.equal(chunks.size, end);
        assert.deepEqual(chunks.peek(5), end < 5 ? undefined : noise.subarray(0, 5));
        at = end;
      }
      assert.deepEqual(chunks.take(), noise);
      assert.equal(chunks.size, 0);
    }
  });

  it("costs little more than its size", () => {
    for (const length of [1, 7, 4095]) {
      const chunks = new BodyChunks();
      for (let at = 0; at < noise.length; at += length) chunks.add(noise.subarray(at, at + length));
      assert.ok(chunks.pieces <= 2 + noise.length / 4096, `${chunks.pieces} pieces of chunks of ${length}`);
    }
    // Full frames between small ones.
    const mixed = new BodyChunks();
    for (let at = 0; at + 4097 <= noise.length; at += 4097) {
      mixed.add(noise.subarray(at, at + 4096));
      mixed.add(noise.subarray(at + 4096, at + 4097));
    }
    assert.ok(mixed.pieces <= (2 * noise.length) / 4097, `${mixed.pieces} pieces`);
  });

  it("of one chunk is that chunk, unless that would keep much else alive", () => {
    const own = Buffer.alloc(5000, 1);
    const alone = new BodyChunks();
    alone.add(own);
    assert.equal(alone.take().buffer, own.buffer);
    const part = new BodyChunks();
    part.add(noise.subarray(0, 5000));
    const body = part.take();
    assert.notEqual(body.buffer, noise.buffer);
    assert.deepEqual(body, noise.subarray(0, 5000));
  });

  it("without any is empty", () => {
    const chunks = new BodyChunks();
    assert.equal(chunks.peek(1), undefined);
    assert.equal(chunks.take().length, 0);
    chunks.add(Buffer.from("x"));
    chunks.clear();
    assert.equal(chunks.size, 0);
    assert.equal(chunks.take().length, 0);
  });
});
