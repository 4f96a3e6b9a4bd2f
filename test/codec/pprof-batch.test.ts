import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { TooLargeError } from "../../src/codec/invalid.js";
import { PprofBatch, SeriesAttributes } from "../../src/codec/pprof-batch.js";
import { addPprof, decodePprof } from "../../src/codec/pprof-decode.js";
import { keyValue, stringValue } from "../../src/pdata/any-value.js";
import { ProfilesBuilder } from "../../src/pdata/builder.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { mergeProfiles } from "../../src/pdata/merge.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { caseBytes, pprofCases, profilesOf, totalsOf } from "../support/pprof-cases.js";

const cpu = readFileSync("test/fixtures/wire/net-http-pprof/profile-acceptgzip-2s.pb.gz");
const heap = readFileSync("test/fixtures/wire/net-http-pprof/heap.pb.gz");
const odd = caseBytes(pprofCases().find(({ name }) => name === "unknown-fields") as never);
const limit = 1 << 20;
const scope = { name: "test/receiver", version: "7" };
const orders = new SeriesAttributes(
  [keyValue("service.name", stringValue("orders"))],
  [keyValue("pyroscope.name", stringValue("process_cpu"))],
);
const users = new SeriesAttributes([keyValue("service.name", stringValue("users"))], []);

async function finished(batch: PprofBatch): Promise<Profiles> {
  return batch.handOn(async (profiles) => profiles);
}

/** What a batch says, but for the ids of captures, which are new each time. */
function meaning(batch: Profiles) {
  return batch.resources.map((resource) => ({
    attributes: resource.attributes,
    scopes: resource.scopes.map(({ name, version, profiles }) => ({
      name,
      version,
      profiles: profiles.map(({ sampleType, periodType, period, timeUnixNano, durationNano, attributes }) => ({
        ...{ sampleType, periodType, period, timeUnixNano, durationNano },
        attributes: attributes.filter(({ key }) => key !== "pprof.capture.id"),
      })),
    })),
    totals: totalsOf(resource.scopes.flatMap(({ profiles }) => profiles)),
  }));
}

test("ordinary pprofs stay what they are; looked into, they are what decoding them at once gives", async () => {
  const batch = new PprofBatch(limit, scope);
  batch.addPprof(batch.series(orders), cpu);
  const second = batch.series(users);
  batch.addPprof(second, heap);
  batch.addPprof(second, cpu);
  const sealed = await finished(batch);
  assert.ok(sealed.isSealed);
  assert.deepEqual(
    sealed.resources.flatMap(({ payloads }) => payloads?.map(({ bytes }) => bytes)),
    [cpu, heap, cpu],
  );
  const builder = new ProfilesBuilder();
  addPprof(builder.resource(orders.resource).scope(scope.name, scope.version), cpu, { attributes: orders.profile });
  const at = builder.resource(users.resource).scope(scope.name, scope.version);
  addPprof(at, heap);
  addPprof(at, cpu);
  const decoded = builder.finish();
  assert.deepEqual([sealed.sampleCount, sealed.newestTimeUnixNano], [decoded.sampleCount, decoded.newestTimeUnixNano]);
  assert.deepEqual(meaning(sealed), meaning(decoded));
  assert.ok(!sealed.isSealed);
});

test("with the first pprof that is out of the ordinary, or when told so, all are decoded, into the same scope", async () => {
  const mixed = new PprofBatch(limit, scope);
  const series = mixed.series(orders);
  for (const pprof of [cpu, odd, heap]) mixed.addPprof(series, pprof);
  const told = new PprofBatch(limit, scope);
  told.open();
  told.addPprof(told.series(orders), cpu);
  for (const [batch, pprofs] of [
    [await finished(mixed), [cpu, odd, heap]],
    [await finished(told), [cpu]],
  ] as const) {
    assert.ok(!batch.isSealed);
    assert.deepEqual(
      batch.resources.map(({ scopes }) => scopes.map(({ name, version }) => ({ name, version }))),
      [[scope]],
    );
    const profiles = pprofs.flatMap((bytes) => profilesOf(decodePprof(bytes, [])));
    assert.deepEqual(totalsOf(profilesOf(batch)), totalsOf(profiles));
  }
});

test("batches of several receivers, joined, keep each its scope; equal scopes are one", async () => {
  const batches: Profiles[] = [];
  for (const named of [scope, undefined, { ...scope }]) {
    const batch = new PprofBatch(limit, named);
    batch.addPprof(batch.series(users), heap);
    batches.push(await finished(batch));
  }
  const joined = mergeProfiles(batches);
  assert.ok(joined.isSealed);
  const [{ scopes }, ...others] = joined.resources;
  assert.equal(others.length, 0);
  assert.deepEqual(
    scopes.map(({ name, version, profiles }) => [name, version, profiles.length]),
    [
      ["test/receiver", "7", 8],
      ["", "", 4],
    ],
  );
});

test("the limit is of all pprofs together, decompressed; what is broken is named by the decoder", () => {
  const size = gunzipSync(cpu).length;
  const batch = new PprofBatch(2 * size);
  const series = batch.series(orders);
  batch.addPprof(series, cpu);
  batch.addPprof(series, cpu);
  assert.throws(() => batch.addPprof(series, cpu), TooLargeError);
  const small = new PprofBatch(2 * size - 1);
  small.addPprof(small.series(orders), cpu);
  assert.throws(() => small.addPprof(small.series(orders), cpu), TooLargeError);
  assert.throws(() => small.addPprof(small.series(orders), Buffer.from("<html>")), InvalidProfilesError);
});

test("who waits before looking inside has the pprof decompressed again, to the same", async () => {
  const batch = new PprofBatch(limit, scope);
  batch.addPprof(batch.series(orders), cpu);
  const late = await batch.handOn(async (profiles) => {
    await Promise.resolve();
    return meaning(profiles);
  });
  const other = new PprofBatch(limit, scope);
  other.addPprof(other.series(orders), cpu);
  assert.deepEqual(late, await other.handOn(async (profiles) => meaning(profiles)));
});
