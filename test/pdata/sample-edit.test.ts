import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { KeyValue } from "../../src/pdata/any-value.js";
import { mergeProfiles } from "../../src/pdata/merge.js";
import { type Profile, Profiles } from "../../src/pdata/profiles.js";
import { splitProfiles } from "../../src/pdata/split.js";
import { encodeRequest, judge } from "../support/otlp-oracle.js";

const without =
  (...keys: string[]) =>
  (attributes: readonly KeyValue[]) => {
    const kept = attributes.filter((attribute) => !keys.includes(attribute.key));
    return kept.length === attributes.length ? attributes : kept;
  };

const profilesOf = (batch: Profiles): Profile[] =>
  batch.resources.flatMap((resource) => resource.scopes.flatMap((scope) => [...scope.profiles]));

const strings = ["", "samples", "count", "thread.id", "name", "secret-thread"];

function request(samples: object[], extra: object = {}): Profiles {
  const attribute_table = [
    {},
    { key_strindex: 3, value: { int_value: "1" } },
    { key_strindex: 3, value: { int_value: "2" } },
    { key_strindex: 4, value: { string_value: "a" } },
    { key_strindex: 4, value: { string_value: "a" } },
    { key_strindex: 4, value: { string_value: "b" } },
  ];
  return Profiles.parse(
    encodeRequest({
      resource_profiles: [
        {
          scope_profiles: [{ profiles: [{ sample_type: { type_strindex: 1, unit_strindex: 2 }, samples, ...extra }] }],
        },
      ],
      dictionary: {
        mapping_table: [{}],
        location_table: [{}, { address: "1" }, { address: "2" }],
        function_table: [{}],
        link_table: [
          {},
          { trace_id: Buffer.alloc(16), span_id: Buffer.alloc(8) },
          { trace_id: Buffer.alloc(16, 7), span_id: Buffer.alloc(8, 7) },
        ],
        string_table: strings,
        attribute_table,
        stack_table: [{}, { location_indices: [1] }, { location_indices: [1] }, { location_indices: [2] }],
      },
    }),
  );
}

/** Decodes what would be sent: [values, timestamps, attributes] of each sample. */
function sent(batch: Profiles): unknown[] {
  const verdict = judge(Buffer.concat(batch.encode()));
  assert.ok(verdict.ok, verdict.ok ? "" : verdict.reason);
  const { string_table, attribute_table } = verdict.request.dictionary;
  return verdict.request.resource_profiles[0].scope_profiles[0].profiles[0].samples.map(
    (s: { values?: unknown[]; timestamps_unix_nano?: unknown[]; attribute_indices?: number[] }) => [
      (s.values ?? []).map(String),
      (s.timestamps_unix_nano ?? []).map(String),
      (s.attribute_indices ?? []).map((i) => string_table[attribute_table[i].key_strindex]),
    ],
  );
}

describe("samples that became equal are joined", () => {
  it("timestamps are appended", () => {
    const batch = request([
      { stack_index: 1, attribute_indices: [1, 3], timestamps_unix_nano: ["10"] },
      { stack_index: 1, attribute_indices: [2, 3], timestamps_unix_nano: ["5", "6"] },
    ]);
    profilesOf(batch)[0].mapSampleAttributes(without("thread.id"));
    assert.equal(batch.sampleCount, 1);
    assert.equal(batch.joinedSamples, 1);
    assert.deepEqual(sent(batch), [[[], ["10", "5", "6"], ["name"]]]);
  });

  it("totals are added, pairs stay pairs, and the three shapes never mix", () => {
    const batch = request([
      { stack_index: 1, attribute_indices: [1], values: ["3"] },
      { stack_index: 1, attribute_indices: [1], timestamps_unix_nano: ["1"] },
      { stack_index: 1, attribute_indices: [1], values: ["7"], timestamps_unix_nano: ["2"] },
      { stack_index: 1, attribute_indices: [2], values: ["4"] },
      { stack_index: 1, attribute_indices: [2], timestamps_unix_nano: ["3"] },
      { stack_index: 1, attribute_indices: [2], values: ["8"], timestamps_unix_nano: ["4"] },
    ]);
    profilesOf(batch)[0].mapSampleAttributes(without("thread.id"));
    assert.deepEqual(sent(batch), [
      [["7"], [], []],
      [[], ["1", "3"], []],
      [["7", "8"], ["2", "4"], []],
    ]);
  });

  it("a sum that would leave 64 bits begins another sample", () => {
    const batch = request([
      { stack_index: 1, attribute_indices: [1], values: ["9223372036854775807"] },
      { stack_index: 1, attribute_indices: [2], values: ["1"] },
    ]);
    profilesOf(batch)[0].mapSampleAttributes(without("thread.id"));
    assert.deepEqual(sent(batch), [
      [["9223372036854775807"], [], []],
      [["1"], [], []],
    ]);
  });

  it("equal stacks, equal attributes in another order or at another index, and zero links are the same", () => {
    const batch = request([
      { stack_index: 1, attribute_indices: [1, 3], values: ["1"] },
      { stack_index: 2, attribute_indices: [4, 2], values: ["1"], link_index: 1 },
      { stack_index: 3, attribute_indices: [1, 3], values: ["1"] },
      { stack_index: 1, attribute_indices: [1, 5], values: ["1"] },
      { stack_index: 1, attribute_indices: [1, 3], values: ["1"], link_index: 2 },
    ]);
    profilesOf(batch)[0].mapSampleAttributes(without("thread.id"));
    assert.deepEqual(sent(batch), [
      [["2"], [], ["name"]],
      [["1"], [], ["name"]],
      [["1"], [], ["name"]],
      [["1"], [], ["name"]],
    ]);
  });

  it("null drops the samples of a set, and says how many", () => {
    const batch = request([
      { stack_index: 1, attribute_indices: [3], values: ["1"] },
      { stack_index: 1, attribute_indices: [5], values: ["1"] },
      { stack_index: 3, attribute_indices: [3], values: ["1"] },
    ]);
    const dropped = profilesOf(batch)[0].mapSampleAttributes((attributes) =>
      attributes.some((a) => a.value.value === "a") ? null : attributes,
    );
    assert.equal(dropped, 2);
    assert.equal(batch.joinedSamples, 0);
    assert.equal(batch.sampleCount, 1);
  });

  it("a payload that no longer fits goes, and is counted", () => {
    const payload = { original_payload_format: "pprof", original_payload: Buffer.from("secret payload") };
    const batch = request([{ stack_index: 1, attribute_indices: [1], values: ["1"] }], payload);
    profilesOf(batch)[0].mapSampleAttributes(without("thread.id"));
    assert.equal(batch.droppedPayloads, 1);
    const out = Buffer.concat(batch.encode());
    assert.ok(!out.includes("secret payload") && !out.includes("pprof"));
  });

  it("the edit runs once per distinct attribute set", () => {
    const batch = request(
      Array.from({ length: 50 }, (_, i) => ({ stack_index: 1, attribute_indices: [(i % 2) + 1], values: ["1"] })),
    );
    let calls = 0;
    profilesOf(batch)[0].mapSampleAttributes((attributes) => {
      calls++;
      return attributes;
    });
    assert.equal(calls, 2);
    assert.ok(batch.untouched);
  });
});

describe("what was removed occurs nowhere in the output", () => {
  const folder = "test/fixtures/otlp-ebpf/";
  const recorded = readdirSync(folder).map((file) => readFileSync(`${folder}${file}`));
  const occurs = (batches: readonly Profiles[], text: string): boolean =>
    batches.some((batch) => Buffer.concat(batch.encode()).includes(text));

  it("after sample attributes were deleted", () => {
    for (const bytes of recorded) {
      assert.ok(bytes.includes("thread.name"));
      const batch = Profiles.parse(bytes);
      for (const profile of profilesOf(batch)) profile.mapSampleAttributes(without("thread.name"));
      assert.ok(!occurs([batch], "thread.name"));
    }
  });

  it("after resources were dropped, also from what was batched and split afterwards", () => {
    const canaries = ["canary-function", "canary-attribute", "canary-type"];
    const own = encodeRequest({
      resource_profiles: [
        {
          resource: { attributes: [{ key: "service.name", value: { string_value: "canary-attribute" } }] },
          scope_profiles: [
            { profiles: [{ sample_type: { type_strindex: 2 }, samples: [{ stack_index: 1, values: ["1"] }] }] },
          ],
        },
        { resource: { attributes: [{ key: "service.name", value: { string_value: "kept" } }] } },
      ],
      dictionary: {
        mapping_table: [{}],
        location_table: [{}, { lines: [{ function_index: 1 }] }],
        function_table: [{}, { name_strindex: 1 }],
        link_table: [{}],
        string_table: ["", "canary-function", "canary-type"],
        attribute_table: [{}],
        stack_table: [{}, { location_indices: [1] }],
      },
    });
    const batch = Profiles.parse(own);
    assert.equal(
      batch.filterResources((resource) => resource.attributes[0].value.value === "kept"),
      1,
    );
    const merged = mergeProfiles([batch, Profiles.parse(recorded[0])]);
    const pieces = splitProfiles(merged, { maxSamples: 100, maxBytes: 0 });
    for (const canary of canaries) assert.ok(!occurs([batch, merged, ...pieces], canary), canary);
    assert.ok(occurs([batch], "kept"));
  });

  it("after attributes that came as references were deleted", () => {
    const own = encodeRequest({
      resource_profiles: [
        {
          resource: { attributes: [{ key_strindex: 1, value: { string_value_strindex: 2 } }] },
          scope_profiles: [{ profiles: [{ samples: [{ values: ["1"] }] }] }],
        },
      ],
      dictionary: { string_table: ["", "canary.key", "canary-value"] },
    });
    const batch = Profiles.parse(own);
    assert.deepEqual(batch.resources[0].attributes, [
      { key: "canary.key", value: { type: "string", value: "canary-value" }, unit: "" },
    ]);
    batch.resources[0].setAttributes([]);
    assert.ok(!occurs([batch], "canary"));
  });

  it("a piece of a split holds only what it uses", () => {
    const pieces = splitProfiles(Profiles.parse(recorded[0]), { maxSamples: 50, maxBytes: 0 });
    assert.ok(pieces.length >= 19);
    for (const piece of pieces)
      assert.ok(piece.dictionary.stringCount < 900, `${piece.dictionary.stringCount} strings`);
  });
});

it("a copy is edited on its own", () => {
  const batch = request([{ stack_index: 1, attribute_indices: [1], values: ["1"] }]);
  const copy = batch.copy();
  profilesOf(copy)[0].mapSampleAttributes(without("thread.id"));
  copy.resources[0].setAttributes([{ key: "k", value: { type: "string", value: "v" }, unit: "" }]);
  assert.ok(batch.untouched);
  assert.deepEqual(sent(batch), [[["1"], [], ["thread.id"]]]);
  assert.deepEqual(sent(copy), [[["1"], [], []]]);
});

it("times are shifted, exactly", () => {
  const batch = request([{ stack_index: 1, timestamps_unix_nano: ["1763890000000000001"] }], {
    time_unix_nano: "1763890000000000000",
  });
  const [profile] = profilesOf(batch);
  profile.shiftTime(1_000_000_007n);
  assert.equal(profile.timeUnixNano, 1763890001000000007n);
  assert.deepEqual(sent(batch), [[[], ["1763890001000000008"], []]]);
});
