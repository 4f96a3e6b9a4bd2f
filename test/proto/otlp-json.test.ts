import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { jsonToProto } from "../../src/proto/otlp-json.js";
import { cpuMs } from "../support/cpu-ms.js";
import { judge } from "../support/otlp-oracle.js";

// biome-ignore lint/suspicious/noExplicitAny: protobufjs objects have the shape of the .proto files
type Any = any;

/** The value of a resource attribute written so in JSON. */
function attribute(value: string): Any {
  const body = `{"resourceProfiles":[{"resource":{"attributes":[{"key":"k","value":${value}}]}}]}`;
  const verdict = judge(jsonToProto(Buffer.from(body)));
  assert.ok(verdict.ok);
  return verdict.request.resource_profiles[0].resource.attributes[0].value;
}

/** The period of a profile written so in JSON. */
function period(text: string): string {
  const body = `{"resourceProfiles":[{"scopeProfiles":[{"profiles":[{"period":${text}}]}]}]}`;
  const verdict = judge(jsonToProto(Buffer.from(body)));
  assert.ok(verdict.ok);
  return verdict.request.resource_profiles[0].scope_profiles[0].profiles[0].period.toString();
}

describe("numbers in OTLP/JSON", () => {
  it("64-bit integers are exact as numbers and as text", () => {
    for (const text of ["9007199254740993", "-9223372036854775808", "9223372036854775807", "0", "-5"]) {
      assert.equal(period(text), text);
      assert.equal(period(`"${text}"`), text);
    }
    assert.equal(period('"+5"'), "5");
    assert.equal(period("1e3"), "1000");
    for (const bad of ["9223372036854775808", '"9223372036854775808"', "1.5", '"5.0"', '" 5"', '""', "true", "{}"]) {
      assert.throws(() => period(bad), /period: /, bad);
    }
  });

  it("doubles of many digits are doubles", () => {
    for (const text of [
      "0.30000000000000004",
      "-1.1234567890123456",
      "12345678901234567890.5",
      "1e-0000000000000000005",
    ]) {
      assert.equal(attribute(`{"doubleValue":${text}}`).double_value, Number(text));
      assert.equal(attribute(`{"doubleValue":"${text}"}`).double_value, Number(text));
    }
    assert.equal(attribute('{"doubleValue":12345678901234567}').double_value, 12345678901234568);
  });

  it("doubles that JSON has no number for", () => {
    for (const text of ["NaN", "nan"]) assert.ok(Number.isNaN(attribute(`{"doubleValue":"${text}"}`).double_value));
    for (const text of ["Infinity", "+Inf", "inf"]) {
      assert.equal(attribute(`{"doubleValue":"${text}"}`).double_value, Number.POSITIVE_INFINITY);
    }
    assert.equal(attribute('{"doubleValue":"-Infinity"}').double_value, Number.NEGATIVE_INFINITY);
    for (const bad of ['" 5"', '"0x5"', '""', "1e400", '"1e400"', "true", '"e5"', '"."']) {
      assert.throws(() => attribute(`{"doubleValue":${bad}}`), /doubleValue: /, bad);
    }
  });
});

describe("strings in OTLP/JSON", () => {
  it("base64 of both alphabets, padded or not", () => {
    const bytes = (text: string): string =>
      Buffer.from(attribute(`{"bytesValue":"${text}"}`).bytes_value).toString("hex");
    assert.equal(bytes("/+8="), "ffef");
    assert.equal(bytes("_-8"), "ffef");
    assert.equal(bytes("AQID"), "010203");
    for (const bad of ["A", "AQIDA", "A=", "AQ=A", "AQ===", " AQID", "\\u00e9", "AQIDA="]) {
      assert.throws(() => bytes(bad), /bytesValue: expected base64/, bad);
    }
  });

  it("a long one is taken, and a broken one refused, in linear time", () => {
    const long = `"${"\\n".repeat(8_000_000)}"`;
    assert.equal(attribute(`{"stringValue":${long}}`).string_value.length, 8_000_000);
    const started = cpuMs();
    for (const bad of [`"${'\\"'.repeat(500_000)}`, `"${"\\".repeat(1_000_000)}`, '"'.repeat(1_000_000)]) {
      assert.throws(() => jsonToProto(Buffer.from(bad)), SyntaxError);
    }
    assert.ok(cpuMs() - started < 4000);
  });

  it("digits inside strings are left alone", () => {
    const text = 'a \\" 12345678901234567890 \\\\';
    assert.equal(attribute(`{"stringValue":"${text}"}`).string_value, 'a " 12345678901234567890 \\');
  });
});

describe("null in OTLP/JSON", () => {
  it("is an absent member, and an empty element of a list of messages or strings", () => {
    const body = `{
      "resourceProfiles": [null, {"resource": null, "schemaUrl": null, "scopeProfiles": [null]}],
      "dictionary": {"stringTable": ["", null, "a"], "stackTable": [{}, null], "linkTable": null}
    }`;
    const verdict = judge(jsonToProto(Buffer.from(body)));
    assert.ok(verdict.ok);
    const [first, second] = verdict.request.resource_profiles;
    assert.deepEqual([first.scope_profiles.length, second.scope_profiles.length], [0, 1]);
    assert.deepEqual(verdict.request.dictionary.string_table, ["", "", "a"]);
    assert.equal(verdict.request.dictionary.stack_table.length, 2);
    assert.equal(verdict.request.dictionary.link_table.length, 0);
  });

  it("is no number of a list, and no request", () => {
    const body = '{"dictionary":{"stackTable":[{"locationIndices":[null]}]}}';
    assert.throws(() => jsonToProto(Buffer.from(body)), /locationIndices\[0\]: expected an integer/);
    assert.throws(() => jsonToProto(Buffer.from("null")), /body: expected an object/);
  });
});
