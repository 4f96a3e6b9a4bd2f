import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePprof } from "../../src/codec/pprof-decode.js";
import { encodePprofs } from "../../src/codec/pprof-file.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { mergeProfiles } from "../../src/pdata/merge.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { caseBytes, type PprofCase, pprofCases, profilesOf, totalsOf } from "../support/pprof-cases.js";
import { readPprof } from "../support/pprof-digest.js";

const cases = pprofCases();

function encoded(batch: Profiles): Buffer {
  return Buffer.concat(batch.encode());
}

/** Holds a pprof that we wrote against what google/pprof read in the one that we got. */
function assertSame(bytes: Buffer, expected: PprofCase, what: string): void {
  const reading = readPprof(bytes);
  const types = expected.sample_types.map(({ type, unit }) => ({ type, unit }));
  assert.deepEqual(reading.types, types, what);
  assert.equal(reading.samples, expected.samples, what);
  assert.equal(reading.digest, expected.digest, what);
  assert.equal(reading.digestLabels, expected.digest_labels, what);
  assert.equal(reading.time, expected.time, what);
  assert.equal(reading.duration, expected.duration, what);
  assert.equal(reading.period, expected.period, what);
  assert.deepEqual(reading.periodType, expected.period_type, what);
  assert.deepEqual(reading.comments, expected.comments ?? [], what);
  assert.equal(reading.dropFrames, expected.drop_frames, what);
  assert.equal(reading.keepFrames, expected.keep_frames, what);
  assert.equal(reading.defaultSampleType, expected.default_sample_type, what);
  assert.equal(reading.docUrl, expected.doc_url ?? "", what);
  const mappings = (expected.mappings ?? []).map(({ start, limit, offset, file, build_id, has }) => ({
    ...{ start, limit, offset, file, build_id, has },
  }));
  for (const mapping of reading.mappings) {
    assert.ok(
      mappings.some((wanted) => JSON.stringify(wanted) === JSON.stringify(mapping)),
      `${what}: ${JSON.stringify(mapping)}`,
    );
  }
}

test("every valid shape keeps its totals, stacks, labels and fields on the way in and out again", () => {
  const valid = cases.filter(({ verdict }) => verdict === "valid");
  assert.equal(valid.length, 45);
  for (const expected of valid) {
    const batch = decodePprof(caseBytes(expected), []);
    const wanted = Object.fromEntries(Object.entries(expected.totals).map(([type, total]) => [type, BigInt(total)]));
    assert.deepEqual(totalsOf(profilesOf(batch)), wanted, expected.name);
    const [direct, ...more] = encodePprofs(batch);
    assert.equal(more.length, 0, expected.name);
    assertSame(direct.bytes, expected, expected.name);
    // What leaves as OTLP comes in again, and through a merge, which builds a dictionary of its own.
    const other = decodePprof(caseBytes(valid[0]), []);
    const merged = mergeProfiles([Profiles.parse(encoded(batch)), other]);
    const [again] = encodePprofs(Profiles.parse(encoded(merged)));
    assertSame(again.bytes, expected, `${expected.name} as OTLP`);
  }
});

test("folded locations stay folded", () => {
  const [bytes] = cases.filter(({ name }) => name === "is-folded").map(caseBytes);
  const wanted = readPprof(bytes).folded;
  assert.ok(wanted.length > 0);
  assert.deepEqual(readPprof(encodePprofs(decodePprof(bytes, []))[0].bytes).folded, wanted);
});

test("every broken shape is refused with a reason", () => {
  const broken = cases.filter(({ verdict }) => verdict === "invalid");
  assert.equal(broken.length, 45);
  for (const { name, file } of broken) {
    assert.throws(
      () => decodePprof(caseBytes({ file }), []),
      (error: Error) => {
        assert.ok(error instanceof InvalidProfilesError, `${name}: ${error.stack}`);
        assert.match(error.message, /^pprof: ./, name);
        return true;
      },
      name,
    );
  }
});

test("what the rules leave open is refused, or carried as google/pprof reads it", () => {
  const open = cases.filter(({ verdict }) => verdict === "either");
  const carried: string[] = [];
  for (const expected of open) {
    let batch: Profiles;
    try {
      batch = decodePprof(caseBytes(expected), []);
    } catch (error) {
      assert.ok(error instanceof InvalidProfilesError, expected.name);
      continue;
    }
    carried.push(expected.name);
    if (expected.digest) assertSame(encodePprofs(batch)[0].bytes, expected, expected.name);
    Profiles.parse(encoded(batch));
  }
  const names = ["unknown-mapping", "truncated-after-strings", "utf8-bad-name", "utf8-bad-label", "utf8-bad-unused"];
  assert.deepEqual(carried, names);
});
