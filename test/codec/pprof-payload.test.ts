import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { TooLargeError } from "../../src/codec/invalid.js";
import { addPprof, decodePprof } from "../../src/codec/pprof-decode.js";
import { sealPprof } from "../../src/codec/pprof-payload.js";
import { keyValue, stringValue } from "../../src/pdata/any-value.js";
import { ProfilesBuilder } from "../../src/pdata/builder.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { sealedProfiles } from "../../src/pdata/sealed.js";
import { WasmInstance } from "../../src/pdata/wasm-instance.js";
import { Writer } from "../../src/proto/wire.js";
import { caseBytes, pprofCases } from "../support/pprof-cases.js";
import { createRandom, mutate } from "../support/random.js";

const folder = "test/fixtures/wire/net-http-pprof";
const recorded = readdirSync(folder)
  .filter((file) => file.endsWith(".pb.gz") && !/debug1|unknown/.test(file))
  .map((file) => ({ file, bytes: readFileSync(`${folder}/${file}`) }));

/** What a decoder says: the message of its error, or undefined. */
function refusal(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof InvalidProfilesError, String(error));
    return `${error.name}: ${error.message}`;
  }
}

/** True if the pprof was sealed; then it has to be one that the decoder takes, and to be counted as the decoder counts. */
function assertSealedRightly(bytes: Buffer, what: string): boolean {
  let sealed: ReturnType<typeof sealPprof>;
  const refused = refusal(() => {
    sealed = sealPprof(bytes);
  });
  const verdict = refusal(() => decodePprof(bytes, []));
  if (refused !== undefined) assert.equal(refused, verdict, what);
  if (!sealed) return false;
  assert.equal(verdict, undefined, what);
  const builder = new ProfilesBuilder();
  const summary = addPprof(builder.resource([]).scope(), bytes);
  const { maxOutputBytes: _bound, ...outline } = sealed.outline;
  const { byteSize, ...expected } = summary;
  assert.deepEqual(outline, expected, what);
  assert.equal(sealed.byteSize, byteSize, what);
  const batch = builder.finish();
  assert.equal(sealed.sampleCount, batch.sampleCount, what);
  assert.equal(
    sealedProfiles([{ head: Buffer.alloc(0), payloads: [sealed] }]).newestTimeUnixNano,
    batch.newestTimeUnixNano,
  );
  return true;
}

test("recorded pprofs are sealed, and decode to the same every time", () => {
  assert.equal(recorded.length, 16);
  for (const { file, bytes } of recorded) {
    assert.ok(assertSealedRightly(bytes, file), file);
    assert.ok(assertSealedRightly(gunzipSync(bytes), file), file);
    const options = { attributes: [keyValue("a", stringValue("b"))], fallbackTimeUnixNano: 5n };
    const payload = sealPprof(bytes, options);
    assert.ok(payload);
    const decoded = () => {
      const builder = new ProfilesBuilder();
      payload.decodeInto(builder.resource([]).scope());
      return builder.finish();
    };
    const first = decoded();
    payload.forgetPlain();
    assert.deepEqual(decoded().encode(), first.encode(), file);
    const [capture] = first.resources[0].scopes[0].profiles[0].attributes.filter(
      ({ key }) => key === "pprof.capture.id",
    );
    const again = decodePprof(bytes, [], { ...options, captureId: String(capture.value.value) });
    assert.deepEqual(again.encode(), first.encode(), file);
  }
});

test("of the shapes, what is sealed is what the decoder takes; what it refuses is refused or left to it", () => {
  const sealed = pprofCases().filter((shape) => assertSealedRightly(caseBytes(shape), shape.name));
  const names = sealed.map(({ name }) => name);
  assert.ok(
    sealed.every(({ verdict }) => verdict !== "invalid"),
    names.join(" "),
  );
  const left = pprofCases().flatMap(({ name, verdict }) =>
    verdict === "valid" && !names.includes(name) ? [name] : [],
  );
  assert.deepEqual(left, ["label-no-key", "deep-20000", "unknown-fields"]);
});

test("changed pprofs are never sealed where the decoder refuses them", () => {
  const random = createRandom(20261126);
  const small = recorded.map(({ bytes }) => gunzipSync(bytes)).filter(({ length }) => length < 20_000);
  const shapes = pprofCases()
    .filter(({ verdict }) => verdict === "valid")
    .map((shape) => caseBytes(shape))
    .map((bytes) => (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes))
    .filter(({ length }) => length < 20_000);
  const rounds = process.env.FLAMEPIPE_TEST_LONG ? 200_000 : 6000;
  let sealed = 0;
  for (let round = 0; round < rounds; round++) {
    if (assertSealedRightly(mutate(random.pick(random.chance(0.5) ? small : shapes), random), `round ${round}`))
      sealed++;
  }
  assert.ok(sealed > rounds / 20 && sealed < rounds, `${sealed} of ${rounds}`);
});

test("an id that no location has is seen wherever in a stack it stands", () => {
  for (const locations of [1, 100, 126, 127, 128, 200, 256, 300, 1000, 16_384, 16_500]) {
    const last = [locations - 1, locations, 126, 127, 128].filter((id) => id > 0 && id <= locations);
    for (const length of [1, 2, 7, 8, 9, 23]) {
      for (const at of [0, length >> 1, length - 1]) {
        for (const id of [...last, 0, locations + 1, 300_000]) {
          const stack = Array.from({ length }, (_, i) => (i === at ? id : last[i % last.length]));
          const isSealed = assertSealedRightly(pprofOfStack(locations, stack), `${id} at ${at} of ${length}`);
          assert.equal(isSealed, id > 0 && id <= locations, `${id} at ${at} of ${length}, of ${locations} locations`);
        }
      }
      const open = pprofOfStack(locations, Array(length).fill(1));
      open[open.indexOf(Buffer.from([0x0a, length, 1])) + 1 + length] |= 0x80;
      assert.equal(assertSealedRightly(open, `${length}, the last one open`), false);
    }
  }
});

/** Field 1. */
function varintField(out: Writer, value: number): void {
  out.tag(1, 0);
  out.varint(value);
}

/** A pprof of one sample; its locations have the ids from 1 on. */
function pprofOfStack(locations: number, stack: readonly number[]): Buffer {
  const out = new Writer();
  out.message(1, () => varintField(out, 1));
  out.message(2, () => {
    out.message(1, () => {
      for (const id of stack) out.varint(id);
    });
    out.message(2, () => out.varint(7));
  });
  for (let id = 1; id <= locations; id++) out.message(4, () => varintField(out, id));
  out.string(6, "");
  out.string(6, "samples");
  return out.finish();
}

test("memory that a large pprof took is given back", () => {
  const plain = gunzipSync(recorded[0].bytes);
  const strings = new Writer();
  for (let i = 0; i < 17_000; i++) strings.string(6, "x".repeat(1000));
  const before = sealPprof(plain)?.outline;
  const large = sealPprof(Buffer.concat([plain, strings.finish()]))?.outline;
  assert.deepEqual({ ...large, maxOutputBytes: 0 }, { ...before, maxOutputBytes: 0 });
  assert.ok(WasmInstance.withRoom(0).bytes.length < 1_000_000);
  assert.deepEqual(sealPprof(plain)?.outline, before);
});

test("a time that nobody set is the caller's, in what is known before decoding too", () => {
  const shape = pprofCases().find(({ name }) => name === "no-time-no-period");
  const options = { fallbackTimeUnixNano: 1_795_000_000_000_000_000n };
  const bytes = caseBytes(shape as { file: string });
  const payload = sealPprof(bytes, options);
  assert.ok(payload);
  const sealed = sealedProfiles([{ head: Buffer.alloc(0), payloads: [payload] }]);
  assert.equal(sealed.newestTimeUnixNano, decodePprof(bytes, [], options).newestTimeUnixNano);
  assert.ok(sealed.newestTimeUnixNano > 0n);
});

test("limits are the decoder's", () => {
  const [{ bytes }] = recorded;
  const { length } = gunzipSync(bytes);
  assert.ok(sealPprof(bytes, { maxBytes: length }));
  assert.throws(() => sealPprof(bytes, { maxBytes: length - 1 }), TooLargeError);
  assert.throws(() => sealPprof(Buffer.alloc(0)), /no bytes/);
  assert.throws(() => sealPprof(gzipSync(Buffer.alloc(0))), /no bytes in it/);
  assert.throws(() => sealPprof(Buffer.from("<html>")), /it looks like HTML/);
});
