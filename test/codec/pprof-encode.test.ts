import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { PprofEncoder, type PprofInput } from "../../src/codec/pprof-encode.js";
import type { NamedFrames } from "../../src/codec/pprof-frames.js";
import type { LabelPolicy } from "../../src/codec/pprof-labels.js";
import { type Profile, Profiles } from "../../src/pdata/profiles.js";
import { decodeOtlp, decodePprof, encodeOtlp, otlpMeaning, pprofMeaning } from "../support/pprof-oracle.js";

const none: LabelPolicy = { keys: new Set(), integers: "text" };
const all: LabelPolicy = { keys: "all", integers: "text" };
const numbers: LabelPolicy = { keys: "all", integers: "number" };
const unlimited = { maxSamples: 0, maxBytes: 0 };

function profilesOf(batch: Profiles): Profile[] {
  return batch.resources.flatMap((r) => r.scopes.flatMap((s) => [...s.profiles]));
}

function inputOf(profiles: readonly Profile[], scale = 1n): PprofInput {
  const { periodType, period, timeUnixNano, durationNano } = profiles[0];
  const columns = profiles.map((profile) => ({ profile, type: profile.sampleType, scale }));
  return { columns, periodType, period, timeUnixNano, durationNano };
}

// biome-ignore lint/suspicious/noExplicitAny: protobufjs objects
function oracleProfiles(request: any): any[] {
  // biome-ignore lint/suspicious/noExplicitAny: protobufjs objects
  return request.resource_profiles.flatMap((r: any) => r.scope_profiles.flatMap((s: any) => s.profiles));
}

function checkRequest(bytes: Buffer, policy: LabelPolicy, scale: bigint, what: string): number {
  const batch = Profiles.parse(bytes);
  const request = decodeOtlp(bytes);
  const theirs = oracleProfiles(request);
  const encoder = new PprofEncoder(batch.dictionary, { labels: policy, namedFrames: "none" });
  let checked = 0;
  profilesOf(batch).forEach((profile, i) => {
    const pieces = encoder.encode(inputOf([profile], scale), unlimited);
    const reading = { labels: () => policy.keys === "all", integers: policy.integers, scale };
    const expected = otlpMeaning(request, theirs[i], reading);
    if (expected.samples.size === 0) {
      assert.equal(pieces.length, 0, what);
      return;
    }
    assert.equal(pieces.length, 1, what);
    assert.deepEqual(pprofMeaning(pieces[0].bytes), expected, what);
    assert.equal(pieces[0].sampleCount, theirs[i].samples.length, what);
    checked++;
  });
  return checked;
}

test("recorded eBPF requests keep every stack, label and value", () => {
  let checked = 0;
  for (const file of readdirSync("test/fixtures/otlp-ebpf").filter((name) => name.endsWith(".pb"))) {
    const bytes = readFileSync(`test/fixtures/otlp-ebpf/${file}`);
    for (const policy of [none, all, numbers]) checked += checkRequest(bytes, policy, 7n, file);
  }
  assert.equal(checked, 3 * 217);
});

test("requests of every legal shape keep every stack, label, link and value", () => {
  let checked = 0;
  for (const file of readdirSync("test/fixtures/otlp-shapes/valid").filter((name) => name.endsWith(".pb"))) {
    const bytes = readFileSync(`test/fixtures/otlp-shapes/valid/${file}`);
    if (!spelledOut(bytes)) continue;
    for (const policy of [all, numbers]) checked += checkRequest(bytes, policy, 1n, file);
  }
  assert.ok(checked > 60, `${checked} profiles`);
});

/** The oracle reads only requests whose tables have their zero entries and no repeated keys or overflowing sums. */
function spelledOut(bytes: Buffer): boolean {
  const { dictionary } = decodeOtlp(bytes);
  return dictionary?.string_table.length > 0 && dictionary.stack_table.length > 0 && dictionary.link_table.length > 0;
}

/** A request with one profile per list of samples, all over the same three stacks. */
function request(profiles: object[], extra: object = {}): Buffer {
  return encodeOtlp({
    resource_profiles: [{ scope_profiles: [{ profiles }] }],
    dictionary: {
      mapping_table: [{}],
      location_table: [{}, line(1), line(2), line(3), { address: 77 }],
      function_table: [{}, { name_strindex: 1 }, { name_strindex: 2 }, { name_strindex: 3 }],
      link_table: [{}, { trace_id: Buffer.alloc(16, 1), span_id: Buffer.alloc(8, 2) }, { trace_id: Buffer.alloc(16) }],
      string_table: ["", "a", "b", "c", "cpu", "nanoseconds", "samples", "count", "k", "v", "span_id", "other"],
      attribute_table: [
        {},
        { key_strindex: 8, value: { string_value: "v" } },
        { key_strindex: 8, value: { string_value: "v" } },
        { key_strindex: 8, value: { int_value: 5 }, unit_strindex: 7 },
        { key_strindex: 10, value: { string_value: "own" } },
        { key_strindex: 8, value: { string_value: "" } },
        { key_strindex: 11, value: { array_value: { values: [{ string_value: "x" }] } } },
      ],
      stack_table: [{}, { location_indices: [1] }, { location_indices: [1, 2] }, { location_indices: [0, 3, 0] }],
      ...extra,
    },
  });
}

function line(index: number): object {
  return { lines: [{ function_index: index, line: 10 * index }] };
}

const cpu = { type_strindex: 4, unit_strindex: 5 };
const count = { type_strindex: 6, unit_strindex: 7 };

function encodeOne(
  bytes: Buffer,
  policy: LabelPolicy,
  limits = unlimited,
  scale = 1n,
  namedFrames: NamedFrames = "none",
) {
  const batch = Profiles.parse(bytes);
  const encoder = new PprofEncoder(batch.dictionary, { labels: policy, namedFrames });
  return encoder.encode(inputOf(profilesOf(batch), scale), limits);
}

test("profiles of one capture become one pprof with a value per type, rows matched", () => {
  const bytes = request([
    {
      sample_type: count,
      samples: [
        { stack_index: 1, values: [3] },
        { stack_index: 2, values: [4] },
      ],
    },
    {
      sample_type: cpu,
      samples: [
        { stack_index: 2, values: [400] },
        { stack_index: 3, values: [500] },
      ],
    },
  ]);
  const [piece, ...more] = encodeOne(bytes, none);
  assert.equal(more.length, 0);
  assert.equal(piece.rowCount, 3);
  assert.equal(piece.sampleCount, 4);
  const meaning = pprofMeaning(piece.bytes);
  assert.deepEqual(meaning.types, ["samples/count", "cpu/nanoseconds"]);
  assert.deepEqual(
    [...meaning.samples.values()],
    [
      [3n, 0n],
      [4n, 400n],
      [0n, 500n],
    ],
  );
});

test("samples that differ only in dropped or equal labels, or in links that say nothing, are joined", () => {
  const bytes = request([
    {
      sample_type: count,
      samples: [
        { stack_index: 1, values: [1], attribute_indices: [1] },
        { stack_index: 1, values: [2], attribute_indices: [2] },
        { stack_index: 1, values: [4], attribute_indices: [1, 5, 6], link_index: 2 },
        { stack_index: 1, values: [8], attribute_indices: [3] },
      ],
    },
  ]);
  const labelled = pprofMeaning(encodeOne(bytes, numbers)[0].bytes);
  assert.deepEqual(
    [...labelled.samples.entries()].map(([key, [value]]) => [key.split("--\n")[1], value]),
    [
      ["k=v", 7n],
      ["k:5 count", 8n],
    ],
  );
  const bare = encodeOne(bytes, none);
  assert.equal(bare[0].rowCount, 1);
  assert.deepEqual(pprofMeaning(bare[0].bytes).totals, { "samples/count": 15n });
});

test("a link becomes span_id and trace_id, and stands in for labels of these names", () => {
  const bytes = request([
    { sample_type: count, samples: [{ stack_index: 1, values: [1], attribute_indices: [1, 4], link_index: 1 }] },
  ]);
  const [key] = pprofMeaning(encodeOne(bytes, all)[0].bytes).samples.keys();
  const labels = key.split("--\n")[1].split("\n");
  assert.deepEqual(labels, ["k=v", `span_id=${"02".repeat(8)}`, `trace_id=${"01".repeat(16)}`]);
});

test("int64 values are exact; sums past it stand in rows of their own; products stay at the end of the range", () => {
  const max = (1n << 63n) - 1n;
  const values = [max, -max - 1n, (1n << 53n) + 1n, -1n];
  const samples = values.map((value, i) => ({ stack_index: 1 + (i % 2), values: [String(value)] }));
  const [piece] = encodeOne(request([{ sample_type: count, samples }]), none);
  const decoded = decodePprof(piece.bytes);
  // biome-ignore lint/suspicious/noExplicitAny: protobufjs objects
  const written = decoded.sample.map((s: any) => BigInt(s.value[0])).sort();
  assert.equal(written.length, 4);
  assert.equal(piece.sampleCount, 4);
  assert.deepEqual(written, [...values].sort());
  const [scaled] = encodeOne(request([{ sample_type: count, samples: [samples[0], samples[1]] }]), none, unlimited, 3n);
  // biome-ignore lint/suspicious/noExplicitAny: protobufjs objects
  const products = decodePprof(scaled.bytes).sample.map((s: any) => BigInt(s.value[0]));
  assert.deepEqual(products, [max, -max - 1n]);
});

test("products are exact on both sides of 2^32, 2^53 and 2^63", () => {
  const values = [0n, 1n, 3n, (1n << 31n) - 1n, 1n << 31n, (1n << 32n) - 1n, 1n << 32n, -1n, -5n];
  const samples = values.map((value) => ({ stack_index: 1, values: [String(value)] }));
  for (const factor of [2n, 50_000_000n, (1n << 21n) + 1n, (1n << 53n) + 1n, -3n]) {
    for (const sample of samples) {
      const [scaled] = encodeOne(request([{ sample_type: count, samples: [sample] }]), none, unlimited, factor);
      const product = BigInt(sample.values[0]) * factor;
      const max = (1n << 63n) - 1n;
      const wanted = product > max ? max : product < -max - 1n ? -max - 1n : product;
      assert.equal(BigInt(decodePprof(scaled.bytes).sample[0].value[0]), wanted, `${sample.values[0]} * ${factor}`);
    }
  }
});

test("frames of index 0 and lines without a function are left out, and what nobody uses is not written", () => {
  const bytes = request([{ sample_type: count, samples: [{ stack_index: 3, values: [1] }] }], {
    location_table: [{}, line(1), line(2), { lines: [{ line: 5 }, { function_index: 3, line: 6 }] }],
  });
  const decoded = decodePprof(encodeOne(bytes, none)[0].bytes);
  assert.deepEqual(decoded.sample[0].location_id, ["3"]);
  assert.deepEqual(decoded.location.length, 1);
  assert.deepEqual(decoded.location[0].line, [{ function_id: "3", line: "6", column: "0" }]);
  assert.deepEqual(decoded.string_table, ["", "samples", "count", "c"]);
});

test("a mapping has functions only if every frame of it has a name", () => {
  const mapped = (location: object) => ({ ...location, mapping_index: 1 });
  const tables = (attribute_indices: number[]) => ({
    mapping_table: [{}, { memory_start: 4096, filename_strindex: 3, attribute_indices }],
    location_table: [
      {},
      mapped(line(1)),
      mapped({ address: 9 }),
      mapped({ lines: [{ function_index: 1 }, { function_index: 2 }] }),
    ],
    attribute_table: [
      {},
      { key_strindex: 12, value: { string_value: "abc123" } },
      { key_strindex: 13, value: { bool_value: true } },
    ],
    string_table: [
      ...["", "a", "b", "c", "cpu", "nanoseconds", "samples", "count", "k", "v", "span_id", "other"],
      "process.executable.build_id.gnu",
      "pprof.mapping.has_functions",
    ],
  });
  const mapping = (stack_index: number, attributes: number[] = []) =>
    decodePprof(
      encodeOne(request([{ sample_type: count, samples: [{ stack_index, values: [1] }] }], tables(attributes)), none)[0]
        .bytes,
    ).mapping[0];
  assert.equal(mapping(1).has_functions, true);
  assert.equal(mapping(1).has_line_numbers, true);
  assert.equal(mapping(1).has_inline_frames, false);
  assert.equal(mapping(2).has_functions, false);
  assert.equal(mapping(3).has_inline_frames, true);
  assert.equal(mapping(2, [2]).has_functions, true);
});

test("a pprof past a limit is written as several, each whole", () => {
  const samples = Array.from({ length: 100 }, (_, i) => ({
    stack_index: 1 + (i % 3),
    values: [i + 1],
    attribute_indices: [i + 7],
  }));
  const attribute_table = [
    ...Array.from({ length: 7 }, () => ({})),
    ...Array.from({ length: 100 }, (_, i) => ({
      key_strindex: 8,
      value: { string_value: `value ${i} ${"x".repeat(50)}` },
    })),
  ];
  const bytes = request([{ sample_type: count, samples }], { attribute_table });
  const whole = pprofMeaning(encodeOne(bytes, all)[0].bytes);
  for (const limits of [
    { maxSamples: 30, maxBytes: 0 },
    { maxSamples: 0, maxBytes: 1500 },
    { maxSamples: 30, maxBytes: 900 },
  ]) {
    const pieces = encodeOne(bytes, all, limits);
    const joined = new Map<string, bigint[]>();
    for (const piece of pieces) {
      assert.ok(limits.maxSamples === 0 || piece.rowCount <= limits.maxSamples);
      assert.ok(limits.maxBytes === 0 || piece.bytes.length <= limits.maxBytes);
      for (const [key, value] of pprofMeaning(piece.bytes).samples) joined.set(key, value);
    }
    assert.deepEqual(joined, whole.samples);
    assert.equal(
      pieces.reduce((sum, piece) => sum + piece.sampleCount, 0),
      100,
    );
  }
  assert.equal(encodeOne(bytes, all, { maxSamples: 0, maxBytes: 10 }).length, 100);
});

test("what pprof alone has comes back from attributes", () => {
  const names = ["comment", "drop_frames", "keep_frames", "default_sample_type", "doc_url"].map(
    (n) => `pprof.profile.${n}`,
  );
  const bytes = request(
    [{ sample_type: count, samples: [{ stack_index: 1, values: [1] }], attribute_indices: [1, 2, 3, 4, 5] }],
    {
      string_table: ["", "a", "b", "c", "cpu", "nanoseconds", "samples", "count", "k", "v", "s", "o", ...names],
      attribute_table: [
        {},
        { key_strindex: 12, value: { array_value: { values: [{ string_value: "one" }, { string_value: "" }] } } },
        { key_strindex: 13, value: { string_value: "drop" } },
        { key_strindex: 14, value: { string_value: "keep" } },
        { key_strindex: 15, value: { string_value: "samples" } },
        { key_strindex: 16, value: { string_value: "https://example.org" } },
      ],
    },
  );
  const decoded = decodePprof(encodeOne(bytes, none)[0].bytes);
  const text = (index: string) => decoded.string_table[Number(index)];
  assert.deepEqual(decoded.comment.map(text), ["one", ""]);
  assert.equal(text(decoded.drop_frames), "drop");
  assert.equal(text(decoded.keep_frames), "keep");
  assert.equal(text(decoded.default_sample_type), "samples");
  assert.equal(text(decoded.doc_url), "https://example.org");
});

test("frames without a function are named by their address, on demand", () => {
  const tables = {
    mapping_table: [{}, { filename_strindex: 12 }],
    location_table: [
      {},
      { mapping_index: 1, address: 4097, attribute_indices: [1] },
      { address: 31 },
      { attribute_indices: [1] },
      {},
      line(1),
    ],
    attribute_table: [{}, { key_strindex: 13, value: { string_value: "v8js" } }],
    string_table: [
      ..."0123456789".split("").map((d) => (d === "0" ? "" : d)),
      "x",
      "y",
      "/usr/lib/libx.so",
      "profile.frame.type",
    ],
    stack_table: [{}, { location_indices: [1, 2, 3, 4, 5, 1] }],
  };
  const bytes = request([{ sample_type: count, samples: [{ stack_index: 1, values: [1] }] }], tables);
  const names = (namedFrames: NamedFrames) => {
    const [piece] = encodeOne(bytes, none, unlimited, 1n, namedFrames);
    const decoded = decodePprof(piece.bytes);
    pprofMeaning(piece.bytes);
    const text = (index: string) => decoded.string_table[Number(index)];
    // biome-ignore lint/suspicious/noExplicitAny: protobufjs objects
    const byId = (list: any[], id: string) => list.find((entry) => entry.id === id);
    return decoded.sample[0].location_id.map((id: string) => {
      const [first] = byId(decoded.location, id).line;
      return first ? text(byId(decoded.function, first.function_id).name) : "";
    });
  };
  assert.deepEqual(names("none"), ["", "", "", "", "1", ""]);
  assert.deepEqual(names("without_address"), ["", "", "[v8js]", "[unknown]", "1", ""]);
  assert.deepEqual(names("all"), ["libx.so+0x1001", "0x1f", "[v8js]", "[unknown]", "1", "libx.so+0x1001"]);
});
