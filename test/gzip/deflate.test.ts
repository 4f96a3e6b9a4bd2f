import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { gzipFast, maxFastBytes } from "../../src/gzip/deflate.js";
import { inflateGzip } from "../../src/gzip/inflate.js";
import { someContent } from "../support/content.js";
import { createRandom } from "../support/random.js";

/** Writes the content, has zlib and our own code read it, and returns how long the file is. */
function roundTrip(content: Buffer, what: string): number {
  const file = gzipFast([content], content.length);
  const { buffer, engine } = gunzipSync(file, { info: true }) as unknown as {
    buffer: Buffer;
    engine: { bytesWritten: number };
  };
  assert.ok(buffer.equals(content), what);
  assert.equal(engine.bytesWritten, file.length, what);
  if (content.length > 0 && file.length <= maxFastBytes)
    assert.ok(inflateGzip(file, maxFastBytes)?.equals(content), what);
  return file.length;
}

/** Bytes of which each occurs so often as the two before it together: the rarest have the longest codes that there are. */
function fibonacciContent(size: number): Buffer {
  const out = Buffer.alloc(size);
  let [uses, next] = [1, 1];
  let at = 0;
  for (let byte = 0; at < size; byte++) {
    out.fill(byte, at, Math.min(at + uses, size));
    at += uses;
    [uses, next] = [next, uses + next];
  }
  // Without runs few matches are found.
  const random = createRandom(5);
  for (let i = size - 1; i > 0; i--) {
    const j = random.int(i + 1);
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

describe("gzipFast", () => {
  it("writes what zlib reads, whatever the content", () => {
    const random = createRandom(1);
    for (let size = 0; size < 300; size++) roundTrip(someContent(random, size), `${size} bytes`);
    for (let i = 0; i < 300; i++) {
      const size = random.int(random.chance(0.1) ? 400_000 : 20_000);
      roundTrip(someContent(random, size), `content ${i} of ${size} bytes`);
    }
  });

  it("joins its parts", () => {
    const parts = [Buffer.from("a profile "), Buffer.alloc(0), Buffer.from("of a profile")];
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    assert.equal(gunzipSync(gzipFast(parts, size)).toString(), "a profile of a profile");
  });

  it("stores what can't be made smaller, at 5 bytes a block", () => {
    const random = createRandom(2);
    for (const size of [1000, 64_999, 65_000, 65_001, 130_000, maxFastBytes]) {
      const noise = Buffer.from(Uint8Array.from({ length: size }, () => random.int(256)));
      const length = roundTrip(noise, `${size} bytes of noise`);
      assert.ok(length <= size + 18 + 6 * Math.ceil(size / 65_000), `${size} bytes became ${length}`);
    }
  });

  it("finds runs and what is as far away as a match may be, and no farther", () => {
    assert.ok(roundTrip(Buffer.alloc(maxFastBytes), "zeros") < 5000);
    // Bytes that come twice, so that there is always something to be found nearby.
    const random = createRandom(3);
    const pairs = Buffer.alloc(40_000);
    for (let at = 0; at < pairs.length; at += 16) {
      for (let i = 0; i < 8; i++) pairs[at + i] = pairs[at + 8 + i] = random.int(256);
    }
    const repeated = 2000;
    const more = (distance: number) =>
      roundTrip(Buffer.concat([pairs.subarray(0, distance), pairs.subarray(0, repeated)]), `${distance} away`) -
      roundTrip(pairs.subarray(0, distance), `${distance} bytes`);
    assert.ok(more(32_768) < 300, `${more(32_768)} bytes more`);
    assert.ok(more(32_784) > 1000, `${more(32_784)} bytes more`);
  });

  it("keeps codes within the lengths that the format has", () => {
    const content = fibonacciContent(60_000);
    assert.ok(new Set(content).size > 20);
    roundTrip(content, "uses that grow as Fibonacci's numbers");
    for (let size = 1; size < 3000; size += 97) roundTrip(fibonacciContent(size), `${size} of them`);
  });

  it("never refers to what went before, however much that was", () => {
    const random = createRandom(4);
    const content = someContent(random, 3000);
    const length = roundTrip(content, "the first time");
    const large = Buffer.alloc(maxFastBytes);
    // The numbers of places begin anew in between.
    for (let i = 0; i < 150; i++) {
      gzipFast([large], large.length);
      assert.equal(roundTrip(content, `after ${i}`), length);
    }
  });

  it("makes recorded profiles as small as zlib does at level 1", () => {
    for (const folder of ["test/fixtures/otlp-ebpf", "test/fixtures/wire/net-http-pprof"]) {
      let ours = 0;
      let zlibs = 0;
      for (const name of readdirSync(folder).filter(
        (file) => /\.pb(\.gz)?$/.test(file) && !/debug1|unknown/.test(file),
      )) {
        const file = readFileSync(`${folder}/${name}`);
        const content = name.endsWith(".gz") ? gunzipSync(file) : file;
        ours += roundTrip(content, name);
        zlibs += gzipSync(content, { level: 1, memLevel: 9 }).length;
      }
      assert.ok(zlibs > 10_000 && ours < 1.02 * zlibs, `${folder}: ${ours} bytes, zlib ${zlibs}`);
    }
  });
});
