import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { decodePprof } from "../../src/codec/pprof-decode.js";
import { type PprofPayload, sealPprof } from "../../src/codec/pprof-payload.js";
import { type KeyValue, keyValue, stringValue } from "../../src/pdata/any-value.js";
import { resourceHead } from "../../src/pdata/builder.js";
import { mergeProfiles } from "../../src/pdata/merge.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { sealedProfiles } from "../../src/pdata/sealed.js";
import { splitProfiles } from "../../src/pdata/split.js";

const pprof = readFileSync("test/fixtures/wire/net-http-pprof/profile-acceptgzip-2s.pb.gz");
const heap = readFileSync("test/fixtures/wire/net-http-pprof/heap.pb.gz");

const named = (service: string): KeyValue[] => [keyValue("service.name", stringValue(service))];
const bytesOf = (batch: Profiles): Buffer => Buffer.concat(batch.encode());
function payloadOf(bytes: Buffer): PprofPayload {
  const payload = sealPprof(bytes);
  assert.ok(payload);
  return payload;
}

/** Two resources: one with a CPU profile, one with the same and a heap profile. */
function sealedBatch(): { batch: Profiles; payloads: PprofPayload[] } {
  const payloads = [payloadOf(pprof), payloadOf(pprof), payloadOf(heap)];
  const batch = sealedProfiles([
    { head: resourceHead(named("canary-orders")), payloads: [payloads[0]] },
    { head: resourceHead(named("users")), payloads: [payloads[1], payloads[2]] },
  ]);
  return { batch, payloads };
}

/** Per resource: its service, and "type total" of each profile. */
function contentOf(batch: Profiles): string[][] {
  return batch.resources.map(({ attributes, scopes }) => [
    attributes.map(({ key, value }) => `${key}=${value.value}`).join(),
    ...scopes.flatMap(({ profiles }) =>
      profiles.map((profile) => {
        const total = profile.columns().values.reduce((sum, value) => sum + value, 0n);
        return `${profile.sampleType.type} ${total}`;
      }),
    ),
  ]);
}

const plainContent = (bytes: Buffer): string[] => contentOf(decodePprof(bytes, named("x")))[0].slice(1);
const wholeContent = [
  ["service.name=canary-orders", ...plainContent(pprof)],
  ["service.name=users", ...plainContent(pprof), ...plainContent(heap)],
];

test("counts and sizes are known without decoding", () => {
  const { batch, payloads } = sealedBatch();
  const decoded = [pprof, pprof, heap].map((bytes) => decodePprof(bytes, []));
  assert.equal(batch.resourceCount, 2);
  assert.equal(batch.sampleCount, decoded[0].sampleCount + decoded[1].sampleCount + decoded[2].sampleCount);
  assert.deepEqual(
    batch.resources.map(({ sampleCount }) => sampleCount),
    [decoded[0].sampleCount, decoded[1].sampleCount + decoded[2].sampleCount],
  );
  const newest = decoded.map(({ newestTimeUnixNano }) => newestTimeUnixNano).sort();
  assert.equal(batch.newestTimeUnixNano, newest[2]);
  const heads = resourceHead(named("canary-orders")).length + resourceHead(named("users")).length;
  assert.equal(batch.heldBytes, heads + 2 * pprof.length + heap.length);
  assert.equal(batch.byteSize, heads + payloads.reduce((sum, { byteSize }) => sum + byteSize, 0));
  assert.ok(batch.isSealed);
});

test("encoding decodes for that once; the batch stays what it is, and says the same each time", () => {
  const { batch } = sealedBatch();
  const first = bytesOf(batch);
  assert.deepEqual(contentOf(Profiles.parse(first)), wholeContent);
  assert.ok(batch.isSealed);
  assert.deepEqual(bytesOf(batch), first);
  assert.equal(contentOf(batch).length, 2);
  assert.ok(!batch.isSealed);
  assert.deepEqual(bytesOf(batch), first);
  assert.equal(batch.byteSize, first.length);
});

test("resources are edited and dropped without decoding, before and after which the result is the same", () => {
  const { batch } = sealedBatch();
  const lost = batch.filterResources(({ attributes }) => attributes[0].value.value === "users");
  assert.equal(lost, decodePprof(pprof, []).sampleCount);
  batch.resources[0].setAttributes([...batch.resources[0].attributes, keyValue("team", stringValue("a"))]);
  assert.ok(batch.isSealed);
  assert.equal(batch.sampleCount, batch.resources[0].sampleCount);
  const expected = [["service.name=users,team=a", ...wholeContent[1].slice(1)]];
  const bytes = bytesOf(batch);
  assert.ok(!bytes.includes("canary-orders"));
  assert.deepEqual(contentOf(Profiles.parse(bytes)), expected);
  const [resource] = batch.resources;
  assert.deepEqual(contentOf(batch), expected);
  assert.equal(batch.resources[0], resource);
  assert.deepEqual(bytesOf(batch), bytes);
  assert.ok(!batch.needsPrune);
  resource.setAttributes(named("later"));
  assert.deepEqual(contentOf(Profiles.parse(bytesOf(batch))), [["service.name=later", ...wholeContent[1].slice(1)]]);
});

test("payloads are there as long as nothing below the resource was changed", () => {
  const { batch, payloads } = sealedBatch();
  const at = (i: number) => batch.resources[i].payloads;
  assert.deepEqual(at(1), payloads.slice(1));
  batch.resources[0].setAttributes(named("other"));
  contentOf(batch);
  assert.deepEqual([at(0), at(1)], [payloads.slice(0, 1), payloads.slice(1)]);
  batch.resources[0].scopes[0].profiles[0].mapSampleAttributes((attributes) => attributes);
  assert.deepEqual(at(0), payloads.slice(0, 1));
  batch.resources[0].scopes[0].profiles[0].mapSampleAttributes(() => null);
  assert.deepEqual([at(0), at(1)], [undefined, payloads.slice(1)]);
  batch.resources[1].scopes[0].filterProfiles(({ sampleType }) => sampleType.type === "cpu");
  assert.equal(at(1), undefined);
});

test("new lines of locations end the payloads", () => {
  const { batch } = sealedBatch();
  const fn = { nameIndex: 0, systemNameIndex: 0, filenameIndex: 0, startLine: 0n };
  batch.setLocationLines(
    new Map([[1, [{ functionIndex: batch.dictionary.appendFunction(fn), line: 1n, column: 0n }]]]),
  );
  assert.deepEqual(
    batch.resources.map(({ payloads }) => payloads),
    [undefined, undefined],
  );
});

test("an edit of texts ends the payloads even where it changed none: they may hold texts that nothing uses", () => {
  const { batch } = sealedBatch();
  const before = bytesOf(batch);
  batch.editTexts({ fileName: (name) => name, attribute: (attribute) => attribute, wantsAll: false });
  assert.deepEqual(
    batch.resources.map(({ payloads }) => payloads),
    [undefined, undefined],
  );
  assert.deepEqual(bytesOf(batch), before);
});

test("a copy is a batch of its own, sealed or not", () => {
  const { batch } = sealedBatch();
  const early = batch.copy();
  batch.resources[0].setAttributes(named("changed"));
  const late = batch.copy();
  batch.resources[1].scopes[0].filterProfiles(() => false);
  const open = batch.copy();
  assert.ok(early.isSealed && late.isSealed);
  late.resources[1].setAttributes([]);
  assert.deepEqual(contentOf(early), wholeContent);
  assert.deepEqual(contentOf(late), [
    ["service.name=changed", ...wholeContent[0].slice(1)],
    ["", ...wholeContent[1].slice(1)],
  ]);
  assert.deepEqual(contentOf(open), [["service.name=changed", ...wholeContent[0].slice(1)], ["service.name=users"]]);
  assert.notEqual(open.resources[0].payloads, undefined);
});

test("joined and split it is what its profiles are", () => {
  const [a, b] = [sealedBatch().batch, sealedBatch().batch];
  assert.equal(mergeProfiles([a]), a);
  const other = decodePprof(heap, named("third"));
  const doubled = wholeContent.map(([service, ...profiles]) => [service, ...profiles, ...profiles]);
  const merged = mergeProfiles([a, b]);
  assert.ok(a.isSealed && b.isSealed && merged.isSealed);
  assert.equal(merged.sampleCount, 2 * a.sampleCount);
  assert.equal(merged.newestTimeUnixNano, a.newestTimeUnixNano);
  assert.deepEqual(contentOf(Profiles.parse(bytesOf(merged))), doubled);
  assert.deepEqual(contentOf(merged), doubled);
  b.filterResources(({ attributes }) => attributes[0].value.value === "users");
  b.resources[0].setAttributes(named("canary-orders"));
  const edited = mergeProfiles([a, b]);
  const [orders, users] = wholeContent;
  assert.deepEqual(contentOf(edited), [[...orders, ...users.slice(1)], users]);
  assert.deepEqual(contentOf(mergeProfiles([a, other])), [...wholeContent, ...contentOf(other)]);
  const { batch } = sealedBatch();
  const limit = Math.ceil(bytesOf(batch).length / 3);
  const pieces = splitProfiles(batch, { maxSamples: 0, maxBytes: limit });
  assert.ok(pieces.length >= 3 && pieces.every((piece) => bytesOf(piece).length <= limit));
  assert.equal(
    pieces.reduce((sum, { sampleCount }) => sum + sampleCount, 0),
    sealedBatch().batch.sampleCount,
  );
});
