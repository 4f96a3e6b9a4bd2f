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
      assert.throws(() => jsonToProto(Buffer.from(`{"x":${bad}`)), SyntaxError);
    }
    assert.ok(cpuMs() - started < 4000);
  });

  it("digits inside strings are left alone", () => {
    const text = 'a \\" 12345678901234567890 \\\\';
    assert.equal(attribute(`{"stringValue":"${text}"}`).string_value, 'a " 12345678901234567890 \\');
  });
});

describe("what isn't JSON", () => {
  const valid = [
    ' {"x" : [1, -0.5e+3 , "\\u00e9\\"", {}, [], null, true, false, {"a":{}}] } ',
    '{"x":{"a":[{"b":[[]]}],"c":""},"__proto__":1,"":2}',
    "{\t\r\n}",
  ];
  const broken = [
    "",
    " ",
    "{",
    '{"x"',
    '{"x":',
    '{"x":}',
    '{"x":1',
    '{"x":1,',
    '{"x":1,}',
    "{,}",
    "{x:1}",
    "{'x':1}",
    '{"x":[1,]}',
    '{"x":[,1]}',
    '{"x":[1 2]}',
    '{"x":[1}',
    '{"x":{"a":1]}',
    '{"x":{"a",1}}',
    '{"x":01}',
    '{"x":+1}',
    '{"x":.5}',
    '{"x":1.}',
    '{"x":1e}',
    '{"x":--1}',
    '{"x":0x1}',
    '{"x":NaN}',
    '{"x":nul}',
    '{"x":nulll}',
    '{"x":"\n"}',
    '{"x":"\\q"}',
    '{"x":"\\u12"}',
    '{"x":"a}',
    "{}{}",
    "{} x",
    "{}]",
  ];

  it("is refused, as JSON.parse would", () => {
    for (const text of valid) {
      JSON.parse(text);
      assert.equal(jsonToProto(Buffer.from(text)).length, 0, text);
    }
    for (const text of broken) {
      assert.throws(() => JSON.parse(text), SyntaxError, text);
      assert.throws(() => jsonToProto(Buffer.from(text)), /^(?:SyntaxError|JsonShapeError): /, text);
    }
  });

  it("is found by cutting what is JSON anywhere", () => {
    const text = valid[0].trim();
    for (let end = 1; end < text.length; end++) {
      assert.throws(() => jsonToProto(Buffer.from(text.slice(0, end))), SyntaxError, text.slice(0, end));
    }
  });
});

describe("a JSON bomb", () => {
  const many = (element: string, count: number): string => `[${element}${`,${element}`.repeat(count - 1)}]`;

  it("is refused by the length of its lists, and takes no more memory than its text", () => {
    const before = process.memoryUsage().heapTotal;
    for (const [text, reason] of [
      [`{"resourceProfiles":${many("{}", 3_000_000)}}`, /^resourceProfiles: more than 2097152 elements$/],
      [
        `{"dictionary":{"stringTable":${many('""', 3_000_000)}}}`,
        /^dictionary.stringTable: more than 2097152 elements$/,
      ],
    ] as const) {
      assert.throws(() => jsonToProto(Buffer.from(text)), { name: "JsonShapeError", message: reason });
    }
    assert.equal(jsonToProto(Buffer.from(`{"unknown":${many("{}", 3_000_000)}}`)).length, 0);
    // Objects alone would be 170 MB.
    assert.ok(process.memoryUsage().heapTotal - before < 100_000_000);
  });

  it("is refused by its depth, on any stack", () => {
    for (const text of [`{"x":${"[".repeat(3_000_000)}`, '{"a":'.repeat(1_000_000)]) {
      assert.throws(() => jsonToProto(Buffer.from(text)), { name: "SyntaxError", message: /^nested too deep/ });
    }
    const value = `${'{"arrayValue":{"values":['.repeat(300)}{}${"]}}".repeat(300)}`;
    assert.throws(() => attribute(value), { name: "JsonShapeError", message: /nested too deep$/ });
    assert.equal(jsonToProto(Buffer.from(`{"x":${"[".repeat(9999)}${"]".repeat(9999)}}`)).length, 0);
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
