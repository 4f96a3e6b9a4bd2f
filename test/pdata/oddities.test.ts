import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mergeProfiles, pruneProfiles } from "../../src/pdata/merge.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { generateRequest } from "../support/generate.js";
import { encodeOddly, randomOddity } from "../support/odd-encode.js";
import { encodeRequest, judge, meaningOf } from "../support/otlp-oracle.js";
import { createRandom } from "../support/random.js";
import { field } from "../support/wire-field.js";

const rounds = process.env.FLAMEPIPE_TEST_LONG ? 5000 : 150;
const bytesOf = (batch: Profiles): Buffer => Buffer.concat(batch.encode());
const unknownFields = (bytes: Buffer): string[] =>
  bytes
    .toString("latin1")
    .match(/unknown \d+;/g)
    ?.sort() ?? [];

describe("what is written oddly keeps its whole meaning", () => {
  const other = encodeRequest(generateRequest(createRandom(7)));
  for (const step of ["parsed", "rebuilt", "merged", "edited"] as const) {
    it(`${step} (${rounds} generated requests)`, () => {
      for (let seed = 1; seed <= rounds; seed++) {
        const random = createRandom(seed);
        const request = generateRequest(random);
        const oddity = randomOddity(random);
        const odd = encodeOddly(request, oddity, random);
        const plain = encodeRequest(request);
        const note = `seed ${seed} ${JSON.stringify(oddity)}`;
        const batch = Profiles.parse(odd);
        if (step === "merged") {
          const merged = mergeProfiles([Profiles.parse(other), batch]);
          assert.deepEqual(meaningOf([bytesOf(merged)]), meaningOf([other, plain]), note);
          continue;
        }
        if (step === "edited") for (const resource of batch.resources) resource.setAttributes([...resource.attributes]);
        const out = bytesOf(step === "rebuilt" ? pruneProfiles(batch) : batch);
        assert.deepEqual(meaningOf([out]), meaningOf([plain]), note);
        assert.ok(!hasReference(judge(out)), note);
        // A rebuilt dictionary has no entries that nothing uses, nor their unknown fields.
        if (step === "parsed" || (step === "edited" && !batch.needsPrune)) {
          assert.deepEqual(unknownFields(out), unknownFields(odd), note);
        }
      }
    });
  }
});

function hasReference(verdict: ReturnType<typeof judge>): boolean {
  assert.ok(verdict.ok);
  return /"key_strindex":[1-9]|string_value_strindex/.test(JSON.stringify(verdict.request.resource_profiles ?? []));
}

describe("one attribute, written by hand", () => {
  const dictionary = field(2, field(5), field(5, Buffer.from("region")));
  const attributesOf = (keyValue: Buffer): unknown =>
    Profiles.parse(Buffer.concat([field(1, field(1, keyValue)), dictionary])).resources[0].attributes;

  it("a key's reference counts however long its varint is", () => {
    for (const index of ["01", "8100", "818000", "81808080808080808000"]) {
      assert.deepEqual(attributesOf(field(1, "18", index, field(2, "1805"))), [
        { key: "region", value: { type: "int", value: 5n }, unit: "" },
      ]);
    }
  });

  it("a zero of any length is no reference", () => {
    for (const index of ["00", "8000", "8080808010"]) {
      assert.deepEqual(attributesOf(field(1, field(1, "61"), "18", index)), [
        { key: "a", value: { type: "empty", value: undefined }, unit: "" },
      ]);
    }
  });

  it("two halves of a list are one, unless another member stands between", () => {
    const half = (n: string): Buffer => field(5, field(1, "18", n));
    const list = (...values: bigint[]): unknown => [
      { key: "", value: { type: "array", value: values.map((value) => ({ type: "int", value })) }, unit: "" },
    ];
    assert.deepEqual(attributesOf(field(1, field(2, half("01"), half("02")))), list(1n, 2n));
    assert.deepEqual(attributesOf(field(1, field(2, half("01"), "1807", half("02")))), list(2n));
  });
});

describe("zero entries, written by hand", () => {
  const sample = field(1, field(2, field(2, field(2, "2201", "05"))));
  const accepts = (dictionary: Buffer): boolean => {
    try {
      return Profiles.parse(Buffer.concat([sample, field(2, dictionary)])).sampleCount === 1;
    } catch {
      return false;
    }
  };
  it("an int32 whose low half is 0 is zero; 64-bit fields count whole", () => {
    assert.ok(accepts(field(3, "088080808010")));
    assert.ok(!accepts(field(3, "208080808010")));
    assert.ok(accepts(field(1, "208080808010")));
    assert.ok(!accepts(field(1, "088080808010")));
    assert.ok(accepts(field(6, "188080808010")));
    assert.ok(!accepts(field(2, "108080808010")));
    assert.ok(!accepts(field(6, "0801")));
  });
});

describe("older samples, written by hand", () => {
  const request = (...sample: (Buffer | string)[]): Buffer =>
    Buffer.concat([field(1, field(2, field(2, field(2, ...sample)))), field(2, field(5), field(6), field(6))]);
  const values = (packed: string): Buffer => field(2, packed);
  const timestamps = (count: number): Buffer => field(5, Buffer.alloc(8 * count, 1));
  const columns = (bytes: Buffer): unknown => {
    const batch = Profiles.parse(bytes);
    const { values, timestamps } = batch.resources[0].scopes[0].profiles[0].columns();
    return [batch.layout, [...values], timestamps.length];
  };

  it("pairs of values and timestamps that can't be attributes are translated", () => {
    assert.deepEqual(columns(request(values("ac0205"), timestamps(2))), ["1.9", [300n, 5n], 2]);
  });

  it("what is no pair, or but one, is an index out of range", () => {
    for (const count of [1, 3]) {
      assert.throws(
        () => Profiles.parse(request(values("ac0205"), timestamps(count))),
        /index 300 of attribute_table is out of range/,
      );
    }
    assert.throws(() => Profiles.parse(request(values("05"), timestamps(1))), /index 5 of attribute_table is out of/);
  });

  it("a list in chunks and single elements is a list", () => {
    assert.deepEqual(columns(request(values("07"), field(3, "01"), "1801")), ["1.9", [7n], 0]);
  });
});
