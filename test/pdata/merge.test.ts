import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mergeProfiles, pruneProfiles } from "../../src/pdata/merge.js";
import { Profiles } from "../../src/pdata/profiles.js";

import { WasmInstance } from "../../src/pdata/wasm-instance.js";
import { otlpTypes } from "../../src/proto/load.js";
import { encodeRequest, judge, meaningOf, type Request } from "../support/otlp-oracle.js";
import { field } from "../support/wire-field.js";

const bytesOf = (batch: Profiles): Buffer => Buffer.concat(batch.encode());
const merge = (...requests: Buffer[]): Buffer => bytesOf(mergeProfiles(requests.map((bytes) => Profiles.parse(bytes))));
const indices = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function decoded(bytes: Buffer): Request {
  const verdict = judge(bytes);
  assert.ok(verdict.ok, verdict.ok ? "" : verdict.reason);
  return verdict.request;
}

function requestOf(dictionary: object, samples: object[]): Buffer {
  const profile = {
    sample_type: { type_strindex: 1 },
    samples: samples.map((sample) => ({ values: ["1"], ...sample })),
  };
  return encodeRequest({
    resource_profiles: [{ resource: {}, scope_profiles: [{ scope: {}, profiles: [profile] }] }],
    dictionary,
  });
}

/** A request with `count` entries in every table, all used, no two alike; none is in a request of another name. */
function wide(name: string, count: number): Buffer {
  const each = (make: (i: number) => object): object[] => [{}, ...indices(count).slice(1).map(make)];
  const id = (i: number, bytes: number): Buffer => Buffer.from(`${name}${i}`.padEnd(bytes, "."));
  return requestOf(
    {
      string_table: [
        "",
        ...indices(count)
          .slice(1)
          .map((i) => `${name} ${i}`),
      ],
      attribute_table: each((i) => ({ key_strindex: i, value: { int_value: String(i) }, unit_strindex: i })),
      function_table: each((i) => ({ name_strindex: i, system_name_strindex: i, filename_strindex: i })),
      mapping_table: each((i) => ({ filename_strindex: i, attribute_indices: [i] })),
      location_table: each((i) => ({ mapping_index: i, lines: [{ function_index: i }, {}], attribute_indices: [i] })),
      link_table: each((i) => ({ trace_id: id(i, 16), span_id: id(i, 8).subarray(0, 8) })),
      stack_table: each((i) => ({ location_indices: [i, count - i] })),
    },
    indices(count)
      .slice(1)
      .map((i) => ({ stack_index: i, attribute_indices: [i, count - i], link_index: i })),
  );
}

/** Every text that a sample reaches through its references, in a fixed order. */
function textOf({ dictionary: d }: Request, sample: Request): string {
  const attribute = (i: number): string[] => {
    const { key_strindex, value, unit_strindex } = d.attribute_table[i];
    return [d.string_table[key_strindex], String(value?.int_value), d.string_table[unit_strindex]];
  };
  const location = (i: number): string[] => {
    const { mapping_index, lines, attribute_indices } = d.location_table[i];
    const mapping = d.mapping_table[mapping_index];
    const { name_strindex, system_name_strindex, filename_strindex } = d.function_table[lines[0].function_index];
    return [
      ...[mapping.filename_strindex, name_strindex, system_name_strindex, filename_strindex].map(
        (s) => d.string_table[s],
      ),
      ...[...mapping.attribute_indices, ...attribute_indices].flatMap(attribute),
    ];
  };
  const { trace_id, span_id } = d.link_table[sample.link_index];
  return [
    ...d.stack_table[sample.stack_index].location_indices.flatMap(location),
    ...sample.attribute_indices.flatMap(attribute),
    ...[trace_id, span_id].map((id) => Buffer.from(id).toString()),
  ].join();
}

function allTexts(request: Request): string[] {
  return request.resource_profiles.flatMap((resource: Request) =>
    resource.scope_profiles.flatMap((scope: Request) =>
      scope.profiles.flatMap((profile: Request) => profile.samples.map((sample: Request) => textOf(request, sample))),
    ),
  );
}

describe("merging", () => {
  it("every table grows past what it began with, and indices from one byte to three", () => {
    const [a, b, c] = [wide("a", 100), wide("b", 17_000), wide("c", 100)];
    const merged = otlpTypes().request.decode(merge(a, b, c, b, a)) as Request;
    const [textsOfA, textsOfB, textsOfC] = [a, b, c].map((bytes) => allTexts(otlpTypes().request.decode(bytes)));
    assert.deepEqual(allTexts(merged), [...textsOfA, ...textsOfB, ...textsOfC, ...textsOfB, ...textsOfA]);
    for (const table of Object.values(merged.dictionary)) assert.equal((table as unknown[]).length, 17_198);
  });

  it("strings that differ in one byte stay apart, equal ones become one, whatever their length", () => {
    const texts: string[] = ["", "x"];
    for (const length of [1, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 255, 256, 257, 511, 600]) {
      for (const at of [0, 3, 8, 15, length >> 1, length - 9, length - 1]) {
        if (at < 0 || at >= length) continue;
        for (const byte of ["a", "b"]) texts.push(`${"-".repeat(at)}${byte}${"-".repeat(length - at - 1)}`);
      }
    }
    const own = [...new Set(texts)];
    const request = (strings: string[]): Buffer =>
      requestOf(
        {
          string_table: strings,
          attribute_table: strings.map((_, i) => (i === 0 ? {} : { key_strindex: i, value: { bool_value: true } })),
        },
        [{ attribute_indices: indices(strings.length) }],
      );
    const merged = merge(request(own), request(["", ...own.slice(1).reverse()]));
    assert.deepEqual(decoded(merged).dictionary.string_table.toSorted(), own.toSorted());
  });

  it("an entry that holds only zeros stays an entry of its own; what nothing uses is left behind", () => {
    const request = requestOf(
      {
        string_table: ["", "unused", "samples"],
        location_table: [{}, { address: "7" }, {}],
        stack_table: [{}, { location_indices: [1] }, { location_indices: [2, 0] }],
      },
      [{ stack_index: 2 }],
    );
    const { dictionary } = decoded(merge(request, request));
    assert.deepEqual(dictionary.string_table, ["", "unused"]);
    assert.deepEqual(
      dictionary.stack_table.map((stack: Request) => stack.location_indices),
      [[], [1, 0]],
    );
    assert.equal(dictionary.location_table.length, 2);
    assert.equal(Number(dictionary.location_table[1].address), 0);
  });

  it("the locations that stacks name most get the indices of one byte", () => {
    const count = 1000;
    const hot = indices(100).map((i) => count - 1 - i);
    const request = requestOf(
      {
        string_table: ["", "samples"],
        location_table: indices(count).map((i) => ({ address: String(i) })),
        stack_table: indices(count).map((i) =>
          i === 0 ? {} : { location_indices: [i, hot[i % 100], hot[(i + 1) % 100]] },
        ),
      },
      indices(count).map((i) => ({ stack_index: i })),
    );
    const merged = merge(request, request);
    assert.deepEqual(meaningOf([merged]), meaningOf([request, request]));
    const { dictionary } = decoded(merged);
    const addresses = dictionary.location_table.slice(1, 128).map((location: Request) => Number(location.address));
    for (const address of hot) assert.ok(addresses.includes(address), `location ${address}`);
  });
});

describe("odd but legal bytes, rebuilt", () => {
  const long = "818080808080" + "80808000";

  it("indices of ten bytes and tags of two are read as what they are", () => {
    const dictionary = field(
      2,
      ...[field(5), field(5, Buffer.from("a")), field(5, Buffer.from("unused")), field(5, Buffer.from("b"))],
      ...[field(3), field(3, "08", long, "1083808000")],
      ...[field(2), field(2, "08", long, field(3, "08", long), field(4, long))],
      ...[field(1), field(1, "a08000", "83808000", "aa8000", "05", "8180808000")],
      ...[field(6), field(6, "888000", "838000", field(2, "1005"), "988000", long)],
      ...[field(7), field(7, field(1, long, "01", "8100"))],
      ...[field(4), field(4, field(1, "01".repeat(16)))],
    );
    const sample = field(2, "08", long, field(2, long), "18", long, field(4, "05"));
    const profile = field(2, field(1, "088380808000"), sample, "da8000", "0a", long);
    const request = Buffer.concat([field(1, field(2, profile)), dictionary]);
    assert.ok(Profiles.parse(request).untouched);
    const pruned = decoded(bytesOf(pruneProfiles(Profiles.parse(request))));
    assert.deepEqual(meaningOf([encodeRequest(pruned)]), meaningOf([request]));
    assert.deepEqual(pruned.dictionary.string_table.toSorted(), ["", "a", "b"]);
  });
});

describe("memory", () => {
  it("is used again by the next build, and given up after a large one", () => {
    const small = Profiles.parse(wide("s", 200));
    mergeProfiles([small, small]);
    const kept = WasmInstance.withRoom(0);
    mergeProfiles([small, small]);
    assert.equal(WasmInstance.withRoom(0), kept);
    const text = "x".repeat(6_000_000);
    const large = Profiles.parse(
      requestOf(
        {
          string_table: ["", text],
          function_table: [{}, { name_strindex: 1 }],
          attribute_table: [{}, { key_strindex: 1 }],
        },
        [{ attribute_indices: [1] }],
      ),
    );
    const before = bytesOf(mergeProfiles([small, small]));
    assert.equal(decoded(bytesOf(mergeProfiles([small, large]))).dictionary.string_table[200], text);
    assert.notEqual(WasmInstance.withRoom(0), kept);
    assert.ok(WasmInstance.withRoom(0).bytes.length <= 16 * 1024 * 1024);
    assert.deepEqual(bytesOf(mergeProfiles([small, small])), before);
  });

  it("that can't be had is refused before anything is written", () => {
    const small = Profiles.parse(wide("s", 200));
    const before = bytesOf(mergeProfiles([small, small]));
    const { exports } = WasmInstance.withRoom(0);
    assert.equal(exports.beginBuild(0x7fff0000, 10, 10, 10), 0);
    assert.equal(exports.beginBuild(1000, 10, 10, 10), 1);
    assert.equal(exports.addDictionary(0, 1, 0x7fffffff), 0);
    assert.deepEqual(bytesOf(mergeProfiles([small, small])), before);
  });

  it("a batch that was built holds none of it", () => {
    const merged = mergeProfiles([Profiles.parse(wide("a", 50)), Profiles.parse(wide("b", 50))]);
    const before = bytesOf(merged).toString("latin1");
    mergeProfiles([Profiles.parse(wide("c", 300)), Profiles.parse(wide("d", 300))]);
    assert.equal(bytesOf(merged).toString("latin1"), before);
  });
});
