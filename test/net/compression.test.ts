import assert from "node:assert/strict";
import { describe, it } from "node:test";
import zlib from "node:zlib";
import { createByteBudget } from "../../src/net/byte-budget.js";
import {
  type Coding,
  decode,
  encode,
  hasZstd,
  parseContentEncoding,
  serverCodings,
} from "../../src/net/compression.js";
import { rejection } from "./support.js";

const text = Buffer.from("profiles of a program that does the same thing again and again. ".repeat(50));
const big = Buffer.concat(Array.from({ length: 400 }, (_, i) => Buffer.from(`${i}:${text}`)));
const mib = 1024 * 1024;
const codings: Coding[] = hasZstd ? ["gzip", "zlib", "deflate", "zstd"] : ["gzip", "zlib", "deflate"];

async function packed(coding: Coding, body: Buffer): Promise<Buffer> {
  return Buffer.concat((await encode(coding, [body], 1)) as Buffer[]);
}

describe("Content-Encoding", () => {
  it("is exactly one known token", () => {
    assert.equal(parseContentEncoding(undefined, serverCodings), "none");
    assert.equal(parseContentEncoding("identity", serverCodings), "none");
    assert.equal(parseContentEncoding(" GZIP ", serverCodings), "gzip");
    for (const bad of ["gzip, gzip", "gzip,deflate", "br", "snappy", "gzip;q=1"]) {
      assert.throws(() => parseContentEncoding(bad, serverCodings), {
        code: 3,
        message: `unsupported Content-Encoding: ${bad}`,
      });
    }
    assert.throws(() => parseContentEncoding("zlib", ["none", "gzip"]), {
      message: "unsupported Content-Encoding: zlib",
    });
  });
});

for (const coding of codings) {
  describe(coding, () => {
    it("gives back what went in, on this thread and off it", async () => {
      for (const body of [Buffer.alloc(0), Buffer.from("x"), text, big]) {
        const parts = [body.subarray(0, body.length >> 1), body.subarray(body.length >> 1)];
        const [encoded] = await encode(coding, parts, 1);
        assert.deepEqual(await decode(coding, encoded, 64 * mib), body);
      }
    });

    it("accepts exactly the cap and refuses one byte more with 413", async () => {
      for (const body of [text, big]) {
        const encoded = await packed(coding, body);
        assert.equal((await decode(coding, encoded, body.length)).length, body.length);
        const error = await rejection(decode(coding, encoded, body.length - 1));
        assert.deepEqual([error.kind, error.code, error.httpStatus], ["permanent", 8, 413]);
      }
    });

    it("refuses truncation at every tenth byte and anything after the end", async () => {
      for (const body of [text, big]) {
        const encoded = await packed(coding, body);
        for (let cut = 0; cut < encoded.length; cut += Math.ceil(encoded.length / 10)) {
          const error = await rejection(decode(coding, encoded.subarray(0, cut), mib * 8));
          assert.equal(error.code, 3, `cut at ${cut}`);
        }
        for (const junk of ["\0", "x", "\x1f\x8b", "trailing junk"]) {
          const error = await rejection(decode(coding, Buffer.concat([encoded, Buffer.from(junk, "latin1")]), mib * 8));
          assert.equal(error.code, 3, `junk ${JSON.stringify(junk)}`);
        }
      }
    });

    it("refuses a bomb before it goes off", async () => {
      const bomb = await packed(coding, Buffer.alloc(64 * mib));
      const before = process.memoryUsage().arrayBuffers;
      const started = process.cpuUsage();
      const error = await rejection(decode(coding, bomb, mib));
      const { user } = process.cpuUsage(started);
      assert.equal(error.httpStatus, 413);
      assert.ok(process.memoryUsage().arrayBuffers - before < 8 * mib, "memory");
      assert.ok(user < 200_000, `${user} us of CPU`);
    });
  });
}

describe("gzip bodies", () => {
  it("with a wrong checksum or length are refused", async () => {
    for (const at of [8, 7, 6, 5, 4, 3, 2, 1]) {
      const encoded = Buffer.from(zlib.gzipSync(text));
      encoded[encoded.length - at] ^= 0x40;
      const error = await rejection(decode("gzip", encoded, 8 * mib));
      assert.equal(error.code, 3, `byte -${at}`);
    }
  });

  it("of several members are one body, under one cap", async () => {
    const members = Buffer.concat([zlib.gzipSync(big), zlib.gzipSync(text)]);
    assert.deepEqual(await decode("gzip", members, 8 * mib), Buffer.concat([big, text]));
    assert.equal((await rejection(decode("gzip", members, big.length))).httpStatus, 413);
  });

  it("that declare too little in the last member can't pass the cap", async () => {
    const members = Buffer.concat([zlib.gzipSync(Buffer.alloc(4 * mib)), zlib.gzipSync(Buffer.from("x"))]);
    assert.equal((await rejection(decode("gzip", members, mib))).httpStatus, 413);
  });
});

describe("inflating", () => {
  it("at one time is bounded by bytes, in order of arrival", async () => {
    const budget = createByteBudget(big.length + 10, 2);
    const encoded = zlib.gzipSync(big);
    const all = [1, 2, 3].map(() => decode("gzip", encoded, 8 * mib, budget));
    assert.equal(budget.usedBytes, big.length);
    const fourth = await rejection(decode("gzip", encoded, 8 * mib, budget));
    assert.deepEqual([fourth.kind, fourth.code], ["retryable", 8]);
    for (const body of await Promise.all(all)) assert.equal(body.length, big.length);
    assert.equal(budget.usedBytes, 0);
  });

  it("gives its room back after a failure", async () => {
    const budget = createByteBudget(8 * mib);
    await rejection(decode("gzip", zlib.gzipSync(big).subarray(0, 100), 8 * mib, budget));
    await rejection(decode("zlib", Buffer.from("nonsense"), 8 * mib, budget));
    assert.equal(budget.usedBytes, 0);
  });
});

describe("encoding", () => {
  it("is smaller at a higher level and nothing at all for none", async () => {
    const [fast] = await encode("gzip", [big], 1);
    const [small] = await encode("gzip", [big], 9);
    assert.ok(small.length < fast.length);
    const parts = [text, big];
    assert.equal(await encode("none", parts, 1), parts);
  });
});
