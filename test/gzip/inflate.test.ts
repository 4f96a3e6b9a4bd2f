import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { constants, crc32, deflateRawSync, gunzipSync, gzipSync, inflateRawSync, type ZlibOptions } from "node:zlib";
import { inflateGzip } from "../../src/gzip/inflate.js";
import { someContent } from "../support/content.js";
import { DeflateWriter, HuffmanCode, randomCode } from "../support/deflate-writer.js";
import { createRandom, mutate, type Random } from "../support/random.js";

const unlimited = Number.POSITIVE_INFINITY;
const flags = { text: 1, checksum: 2, extra: 4, name: 8, comment: 16 };

/** A gzip file around a deflate stream. */
function fileOf(stream: Buffer, content: Buffer): Buffer {
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(content), 0);
  tail.writeUInt32LE(content.length, 4);
  return Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]), stream, tail]);
}

function someOptions(random: Random): ZlibOptions {
  return {
    level: random.int(10),
    memLevel: 1 + random.int(9),
    windowBits: 9 + random.int(7),
    strategy: random.pick([
      constants.Z_DEFAULT_STRATEGY,
      constants.Z_FILTERED,
      constants.Z_HUFFMAN_ONLY,
      constants.Z_RLE,
      constants.Z_FIXED,
    ]),
  };
}

function contentByZlib(file: Buffer): Buffer | undefined {
  try {
    const { buffer, engine } = gunzipSync(file, { info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return engine.bytesWritten === file.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}

describe("inflateGzip", () => {
  it("inflates whatever zlib has written", () => {
    const random = createRandom(1);
    for (let i = 0; i < 400; i++) {
      const content = someContent(random, 1 + random.int(random.chance(0.05) ? 300_000 : 20_000));
      const options = someOptions(random);
      const inflated = inflateGzip(gzipSync(content, options), unlimited);
      assert.ok(inflated?.equals(content), JSON.stringify({ i, size: content.length, ...options }));
    }
  });

  it("inflates streams that were flushed and continued", () => {
    const random = createRandom(2);
    const parts = Array.from({ length: 20 }, () => someContent(random, random.int(3000)));
    const flushed = parts.map((part, i) => {
      const finishFlush = i < 19 ? random.pick([constants.Z_SYNC_FLUSH, constants.Z_FULL_FLUSH]) : constants.Z_FINISH;
      return deflateRawSync(part, { finishFlush, level: random.int(10) });
    });
    const content = Buffer.concat(parts);
    assert.deepEqual(inflateGzip(fileOf(Buffer.concat(flushed), content), unlimited), content);
  });

  it("inflates the recorded profiles, which Go's and Node's compressors wrote", () => {
    const folder = "test/fixtures/wire/net-http-pprof";
    const files = readdirSync(folder).filter((file) => file.endsWith(".pb.gz") && !/debug1|unknown/.test(file));
    assert.ok(files.length > 5);
    for (const name of files) {
      const file = readFileSync(`${folder}/${name}`);
      assert.deepEqual(inflateGzip(file, unlimited), gunzipSync(file), name);
    }
  });

  it("inflates blocks with any complete codes, up to 15 bits long", () => {
    const random = createRandom(3);
    let long = 0;
    for (let i = 0; i < 300; i++) {
      const writer = new DeflateWriter();
      const literals = randomCode(random, 286, 4 + random.int(282), [256, 65, 257, 285]);
      const distances = randomCode(random, 30, 2 + random.int(28), [0]);
      if (Math.max(...literals.lengths) > 11) long++;
      writer.openBlock(literals, distances);
      writer.symbol(literals, 65);
      for (let n = random.int(2000); n > 0; n--) writeAny(writer, random, literals, distances);
      writer.symbol(literals, 256);
      const stream = writer.finish();
      const content = tryInflateRaw(stream);
      if (content) assert.deepEqual(inflateGzip(fileOf(stream, content), unlimited), content);
      else assert.equal(inflateGzip(fileOf(stream, Buffer.from("A")), unlimited), undefined);
    }
    assert.ok(long > 100, `${long} with long codes`);
  });

  it("takes a distance code of one symbol, or none, as zlib does", () => {
    const literals = new HuffmanCode(Object.assign(new Array(258).fill(0), { 65: 1, 256: 2, 257: 2 }));
    const one = new HuffmanCode([1]);
    const single = new DeflateWriter();
    single.openBlock(literals, one);
    for (const symbol of [65, 257]) single.symbol(literals, symbol);
    single.symbol(one, 0);
    single.symbol(literals, 256);
    assert.equal(inflateGzip(fileOf(single.finish(), Buffer.from("AAAA")), unlimited)?.toString(), "AAAA");

    const meaningless = new DeflateWriter();
    meaningless.openBlock(literals, one);
    for (const symbol of [65, 257]) meaningless.symbol(literals, symbol);
    meaningless.bits(1, 1);
    meaningless.symbol(literals, 256);
    assert.equal(inflateGzip(fileOf(meaningless.finish(), Buffer.from("AAAA")), unlimited), undefined);

    const none = new DeflateWriter();
    none.openBlock(literals, new HuffmanCode([0]));
    none.symbol(literals, 65);
    none.symbol(literals, 256);
    assert.equal(inflateGzip(fileOf(none.finish(), Buffer.from("A")), unlimited)?.toString(), "A");
  });

  it("accepts of mutated files only what zlib accepts, as the same content", () => {
    const random = createRandom(4);
    const contents = Array.from({ length: 40 }, () => someContent(random, 1 + random.int(4000)));
    const files = contents.map((content) => gzipSync(content, someOptions(random)));
    let accepted = 0;
    for (let i = 0; i < 8000; i++) {
      const file = mutate(random.pick(files), random);
      const inflated = inflateGzip(file, unlimited);
      if (!inflated) continue;
      accepted++;
      assert.ok(contentByZlib(file)?.equals(inflated), file.toString("base64"));
    }
    // Bytes of the head may be anything.
    assert.ok(accepted > 0);
  });

  it("accepts of mutated streams with their right length and checksum only what zlib accepts", () => {
    const random = createRandom(5);
    const streams = Array.from({ length: 40 }, () =>
      deflateRawSync(someContent(random, 1 + random.int(4000)), someOptions(random)),
    );
    const other = someContent(random, 1000);
    let good = 0;
    for (let i = 0; i < 8000; i++) {
      const stream = mutate(random.pick(streams), random);
      const content = tryInflateRaw(stream);
      if (!content) assert.equal(inflateGzip(fileOf(stream, other), unlimited), undefined);
      else if (content.length > 0) {
        good++;
        const inflated = inflateGzip(fileOf(stream, content), unlimited);
        assert.ok(!inflated || inflated.equals(content), stream.toString("base64"));
      }
    }
    assert.ok(good > 400, `${good} good streams`);
  });

  it("leaves to zlib what is no plain file, empty, cut short, too large, or followed by anything", () => {
    const content = Buffer.from("some content, some content");
    const file = gzipSync(content);
    assert.deepEqual(inflateGzip(file, content.length), content);
    assert.equal(inflateGzip(file, content.length - 1), undefined);
    assert.equal(inflateGzip(gzipSync(Buffer.alloc(0)), unlimited), undefined);
    assert.equal(inflateGzip(Buffer.concat([file, file]), unlimited), undefined);
    assert.equal(inflateGzip(Buffer.concat([file, Buffer.alloc(1)]), unlimited), undefined);
    assert.equal(inflateGzip(gzipSync(Buffer.alloc(512 * 1024 + 1)), unlimited), undefined);
    assert.equal(inflateGzip(gzipSync(Buffer.alloc(512 * 1024)), unlimited)?.length, 512 * 1024);
    const stored = gzipSync(Buffer.alloc(512 * 1024), { level: 0 });
    assert.ok(stored.length > 512 * 1024);
    assert.equal(inflateGzip(stored, unlimited), undefined);
    for (let length = 0; length < file.length; length++) {
      assert.equal(inflateGzip(file.subarray(0, length), unlimited), undefined);
    }
    for (const flag of Object.values(flags)) {
      const flagged = Buffer.from(file);
      flagged[3] = flag;
      assert.equal(inflateGzip(flagged, unlimited), undefined);
    }
    for (const at of [file.length - 8, file.length - 4]) {
      const lying = Buffer.from(file);
      lying[at] ^= 1;
      assert.equal(inflateGzip(lying, unlimited), undefined);
    }
  });

  it("gives each content memory of its own", () => {
    const [first, second] = ["first content", "other content"].map((text) => gzipSync(Buffer.from(text)));
    const kept = inflateGzip(first, unlimited);
    inflateGzip(second, unlimited);
    assert.equal(kept?.toString(), "first content");
  });
});

/** A literal, or a length with a distance that need not be possible, of those that have a code. */
function writeAny(writer: DeflateWriter, random: Random, literals: HuffmanCode, distances: HuffmanCode): void {
  const symbol = random.int(286);
  if (symbol === 256 || literals.lengths[symbol] === 0) return;
  if (symbol > 256 && random.chance(0.5)) return;
  writer.symbol(literals, symbol);
  if (symbol < 256) return;
  const extra = symbol < 265 || symbol === 285 ? 0 : (symbol - 261) >>> 2;
  writer.bits(random.int(1 << extra), extra);
  const near = random.chance(0.999) ? distances.lengths.findIndex((length) => length > 0) : random.int(30);
  writer.symbol(distances, near);
  const extraOfDistance = near < 4 ? 0 : (near - 2) >>> 1;
  writer.bits(random.int(1 << extraOfDistance), extraOfDistance);
}

/** What the whole stream inflates to. */
function tryInflateRaw(stream: Buffer): Buffer | undefined {
  try {
    const { buffer, engine } = inflateRawSync(stream, { info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return engine.bytesWritten === stream.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}
