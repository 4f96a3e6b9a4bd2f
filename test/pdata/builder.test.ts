import assert from "node:assert/strict";
import { test } from "node:test";
import { keyValue, stringValue } from "../../src/pdata/any-value.js";
import { ProfilesBuilder } from "../../src/pdata/builder.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { decodeOtlp } from "../support/pprof-oracle.js";

const cpu = { type: "cpu", unit: "nanoseconds" };

test("entries are interned behind the zero entries, and protobufjs reads what was built", () => {
  const builder = new ProfilesBuilder();
  const main = builder.function(builder.string("main"), 0, builder.string("m.go"), 7);
  assert.equal(builder.function(builder.string("main"), 0, builder.string("m.go"), 7), main);
  const mapping = builder.mapping({
    memoryStart: 1n,
    memoryLimit: (1n << 64n) - 1n,
    filename: builder.string("/bin/a"),
  });
  const location = builder.location({
    mapping,
    address: 1n << 63n,
    lines: [{ function: main, line: -1, column: 2 ** 40 }],
  });
  const stack = builder.stack([location, location]);
  const attribute = builder.attribute(keyValue("k", stringValue("v"), "ms"));
  const link = builder.link(Buffer.alloc(16, 1), Buffer.alloc(8, 2));
  assert.equal(builder.string(""), 0);
  assert.equal(builder.stack([]), 0);
  const scope = builder.resource([keyValue("service.name", stringValue("shop"))], "schema").scope("s", "1.0");
  const profile = scope.profile({
    sampleType: cpu,
    period: 5n,
    timeUnixNano: -1n,
    durationNano: 3n,
    profileId: Buffer.alloc(16, 9),
  });
  profile.sample(stack, [attribute], link, [1n, -2], [10n, 20n]);
  profile.sample(0, [], 0, [3]);
  const batch = builder.finish();
  const bytes = Buffer.concat(batch.encode());
  const { dictionary, resource_profiles: resources } = decodeOtlp(bytes);
  assert.deepEqual(dictionary.string_table, ["", "main", "m.go", "/bin/a", "k", "ms", "cpu", "nanoseconds"]);
  assert.equal(dictionary.location_table[1].address, String(1n << 63n));
  assert.deepEqual(dictionary.location_table[1].lines, [{ function_index: 1, line: "-1", column: String(2 ** 40) }]);
  assert.equal(dictionary.mapping_table[1].memory_limit, String((1n << 64n) - 1n));
  assert.deepEqual(dictionary.stack_table[1].location_indices, [1, 1]);
  for (const table of ["mapping", "location", "function", "link", "attribute", "stack"]) {
    assert.equal(dictionary[`${table}_table`].length, 2, table);
  }
  assert.equal(resources[0].schema_url, "schema");
  const [built] = resources[0].scope_profiles[0].profiles;
  assert.deepEqual(built.samples[0].values, ["1", "-2"]);
  assert.deepEqual(built.samples[0].timestamps_unix_nano, ["10", "20"]);
  assert.equal(built.samples[0].link_index, 1);
  assert.equal(built.time_unix_nano, String((1n << 64n) - 1n));
  const again = Profiles.parse(bytes);
  assert.equal(again.sampleCount, 2);
  assert.equal(batch.sampleCount, 2);
  assert.equal(batch.resources[0].scopes[0].profiles[0].period, 5n);
  // A time before 1970 isn't the newest of anything.
  assert.equal(batch.newestTimeUnixNano, 0n);
});

test("a builder ends with its batch, and what it leaves behind is clean", () => {
  const first = new ProfilesBuilder();
  first.string("secret");
  first.resource([]).scope().profile({ sampleType: cpu }).sample(0, [], 0, [1]);
  const kept = first.finish();
  assert.throws(() => first.finish(), /a builder finishes once/);
  const before = Buffer.concat(kept.encode()).toString("latin1");
  const second = new ProfilesBuilder();
  second.resource([]).scope().profile({ sampleType: cpu }).sample(0, [], 0, [2]);
  assert.doesNotMatch(Buffer.concat(second.finish().encode()).toString("latin1"), /secret/);
  assert.equal(Buffer.concat(kept.encode()).toString("latin1"), before);
});

test("original payloads go with the profile; a batch without profiles has no dictionary", () => {
  const builder = new ProfilesBuilder();
  const payload = { format: "pprof", bytes: Buffer.from("bytes") };
  builder.resource([]).scope().profile({ sampleType: cpu, originalPayload: payload }).sample(0, [], 0, [1]);
  const [profile] = Profiles.parse(Buffer.concat(builder.finish().encode())).resources[0].scopes[0].profiles;
  assert.equal(profile.originalPayloadFormat, "pprof");
  assert.equal(profile.originalPayload.toString(), "bytes");
  const empty = new ProfilesBuilder();
  empty.resource([]).scope();
  assert.equal(decodeOtlp(Buffer.concat(empty.finish().encode())).dictionary, null);
});

test("memory is used by the next builder, and given up where it has grown large", () => {
  const first = new ProfilesBuilder();
  first.string("a");
  const { wasm } = first.dictionary;
  first.discard();
  const second = new ProfilesBuilder();
  assert.equal(second.string("b"), 1);
  assert.equal(second.dictionary.wasm, wasm);
  const third = new ProfilesBuilder();
  assert.equal(third.string("c"), 1);
  assert.notEqual(third.dictionary.wasm, wasm);
  assert.equal(second.string("x".repeat(9_000_000)), 2);
  second.resource([]).scope().profile({ sampleType: cpu });
  assert.equal(second.finish().dictionary.string(2).length, 9_000_000);
  third.discard();
  const fourth = new ProfilesBuilder();
  assert.equal(fourth.string("d"), 1);
  assert.notEqual(fourth.dictionary.wasm, wasm);
  assert.ok(fourth.dictionary.wasm.bytes.length < 8_000_000);
  fourth.discard();
});

test("entries are found again however many there are", () => {
  const builder = new ProfilesBuilder();
  const texts = Array.from({ length: 20_000 }, (_, i) => `${"ä".repeat(i % 5)}${i}`);
  const indices = texts.map((text) => builder.string(text));
  assert.deepEqual(
    indices,
    texts.map((_, i) => i + 1),
  );
  assert.deepEqual(
    texts.map((text) => builder.string(text)),
    indices,
  );
  builder.resource([]).scope().profile({ sampleType: cpu });
  const { dictionary } = builder.finish();
  assert.deepEqual(
    indices.map((index) => dictionary.string(index)),
    texts,
  );
});
