import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { TooLargeError } from "../../src/codec/invalid.js";
import { decodePprof } from "../../src/codec/pprof-decode.js";
import { encodePprofs } from "../../src/codec/pprof-file.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { Writer } from "../../src/proto/wire.js";
import { caseBytes, pprofCases } from "../support/pprof-cases.js";
import { readPprof } from "../support/pprof-digest.js";
import { createRandom, mutate } from "../support/random.js";
import { randomPprof } from "../support/random-pprof.js";

const folder = "test/fixtures/wire/net-http-pprof";

function recorded(): Buffer[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".pb.gz") && !/debug1|unknown/.test(file));
  return files.map((file) => readFileSync(`${folder}/${file}`));
}

/** Decodes; what is accepted must be sound: it passes the scan, and what is encoded again reads the same. */
function verdict(bytes: Buffer): "accepted" | "refused" {
  let batch: Profiles;
  try {
    batch = decodePprof(bytes, []);
  } catch (error) {
    assert.ok(
      error instanceof InvalidProfilesError,
      `${bytes.toString("hex").slice(0, 2000)} ${(error as Error).stack}`,
    );
    return "refused";
  }
  Profiles.parse(Buffer.concat(batch.encode()));
  for (const pprof of encodePprofs(batch)) {
    const again = encodePprofs(decodePprof(pprof.bytes, []))[0].bytes;
    assert.equal(readPprof(again).digestLabels, readPprof(pprof.bytes).digestLabels);
  }
  return "accepted";
}

test("every prefix of a recorded gzip file is refused, and of its content unless it is whole", () => {
  for (const bytes of recorded()) {
    const step = Math.max(1, bytes.length >> 6);
    for (let length = 0; length < bytes.length; length += step) {
      assert.equal(verdict(bytes.subarray(0, length)), "refused", `${length} bytes`);
    }
    const plain = gunzipSync(bytes);
    let accepted = 0;
    for (let length = 0; length < plain.length; length += Math.max(1, plain.length >> 6)) {
      if (verdict(plain.subarray(0, length)) === "accepted") accepted++;
    }
    assert.ok(accepted < 8, `${accepted} prefixes accepted`);
  }
});

test("mutations are refused with a reason, or accepted as something sound", () => {
  const random = createRandom(4);
  const shapes = pprofCases()
    .filter(({ verdict: known, name }) => known === "valid" && !/big|deep|long/.test(name))
    .map((each) => caseBytes(each))
    .map((bytes) => (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes));
  const counts = { accepted: 0, refused: 0 };
  for (let i = 0; i < 3000; i++) counts[verdict(mutate(random.pick(shapes), random))]++;
  assert.ok(counts.accepted > 100 && counts.refused > 2000, JSON.stringify(counts));
});

test("what protobufjs reads in a pprof of any shape, it reads in what comes out again", () => {
  const random = createRandom(20261127);
  const rounds = process.env.FLAMEPIPE_TEST_LONG ? 5000 : 150;
  for (let round = 0; round < rounds; round++) {
    const bytes = randomPprof(random);
    const [{ bytes: again }] = encodePprofs(decodePprof(bytes, []));
    const { mappings: _used, ...expected } = readPprof(bytes);
    const { mappings: _written, ...reading } = readPprof(again);
    assert.deepEqual(reading, expected, `round ${round}`);
    verdict(mutate(bytes, random));
  }
});

function varints(...values: number[]): Buffer {
  const out = new Writer();
  for (const value of values) out.varint(value);
  return out.finish();
}

/** A pprof with one sample, one location per id, and whatever `more` adds. */
function build(more: (out: Writer) => void, strings: readonly string[], sampleTypes = 1): Buffer {
  const out = new Writer();
  for (let i = 0; i < sampleTypes; i++) out.lengthDelimited(1, varints(0x08, 1, 0x10, 2));
  more(out);
  for (const text of ["", "samples", "count", ...strings]) out.string(6, text);
  return out.finish();
}

test("few bytes can't stand for much", () => {
  const values = (count: number) => Buffer.concat([varints(0x12, count), Buffer.alloc(count, 1)]);
  const long = "x".repeat(1 << 20);
  const distinctLabels = build(
    (out) => {
      out.message(2, () => {
        out.raw(values(1), 0, 3);
        for (let n = 1; n < 20_000; n++) out.lengthDelimited(3, varints(0x08, 3, 0x10, 3, 0x20, 0, 0x18, n));
        for (let n = 3; n < 1000; n++) out.lengthDelimited(3, varints(0x08, n, 0x10, 3));
      });
    },
    [long, ...Array.from({ length: 1000 }, (_, n) => `k${n}`)],
  );
  assert.throws(() => decodePprof(distinctLabels, []), TooLargeError);
  const wide = build((out) => out.message(2, () => out.raw(values(65), 0, 67)), [], 65);
  assert.throws(() => decodePprof(wide, []), /65 sample types \(at most 64\)/);
  const comments = build((out) => out.lengthDelimited(13, Buffer.alloc(20_000, 1)), []);
  assert.throws(() => decodePprof(comments, []), /more than 10000 comments/);
  const commentText = build((out) => out.lengthDelimited(13, Buffer.alloc(1000, 3)), [long]);
  assert.throws(() => decodePprof(commentText, []), TooLargeError);
});

test("limits hold before and after decompression", () => {
  const [bomb] = pprofCases().filter(({ name }) => name === "bomb-zeros");
  assert.throws(() => decodePprof(caseBytes(bomb), [], { maxBytes: 1 << 20 }), TooLargeError);
  const [plain] = pprofCases().filter(({ name }) => name === "plain-raw");
  const bytes = caseBytes(plain);
  assert.throws(() => decodePprof(bytes, [], { maxBytes: bytes.length - 1 }), TooLargeError);
  decodePprof(bytes, [], { maxBytes: bytes.length });
});

test("nothing may follow the last gzip member", () => {
  const [bytes] = recorded();
  decodePprof(Buffer.concat([bytes, gzipSync(Buffer.alloc(0))]), []);
  for (const tail of ["00", "1f", "1f8b", "garbage", "\0\0\0\0"]) {
    assert.throws(
      () => decodePprof(Buffer.concat([bytes, Buffer.from(tail)]), []),
      /^InvalidProfilesError: pprof: gzip/,
    );
  }
});

test("padded numbers and tags read as what they say", () => {
  // time_nanos = 5 with a tag and a value of three bytes each.
  const padded = build((out) => out.raw(Buffer.from("c88000858000", "hex"), 0, 6), []);
  const [profile] = decodePprof(padded, []).resources[0].scopes[0].profiles;
  assert.equal(profile.timeUnixNano, 5n);
});
