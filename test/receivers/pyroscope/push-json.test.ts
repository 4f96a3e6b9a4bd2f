import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePushJson } from "../../../receivers/pyroscope/push-request.js";

// Bytes whose base64 has both of the characters that the alphabets disagree about, and padding.
const profile = Buffer.from("fbf0ff00", "hex");
const labels = [{ name: "__name__", value: "process_cpu" }];
const read = (request: unknown) => decodePushJson(Buffer.from(JSON.stringify(request)));
const sample = (fields: object) => read({ series: [{ labels, samples: [fields] }] });

test("a profile is base64 of either alphabet, padded or not, under either name", () => {
  const standard = profile.toString("base64");
  const url = profile.toString("base64url");
  assert.deepEqual([standard, url], ["+/D/AA==", "-_D_AA"]);
  for (const fields of [
    { rawProfile: standard },
    { rawProfile: "+/D/AA" },
    { rawProfile: url },
    { rawProfile: "-_D_AA==" },
    { raw_profile: standard },
    { rawProfile: standard, ID: "not a uuid" },
    { rawProfile: standard, ID: null, id: 5, unknown: [{}] },
  ]) {
    assert.deepEqual(sample(fields), [{ labels: [["__name__", "process_cpu"]], samples: [profile] }]);
  }
  assert.deepEqual(sample({ rawProfile: null }), sample({}));
});

test("null is absence, unknown fields say nothing, lists may be empty", () => {
  assert.deepEqual(read({}), []);
  assert.deepEqual(read({ series: null, other: {} }), []);
  assert.deepEqual(read({ series: [{}] }), [{ labels: [], samples: [] }]);
  assert.deepEqual(read({ series: [{ labels: null, samples: null, annotations: [{ key: "a" }] }] }), [
    { labels: [], samples: [] },
  ]);
  assert.deepEqual(read({ series: [{ labels: [{ name: "a" }, { value: "ü\u{1f600}" }] }] }), [
    {
      labels: [
        ["a", ""],
        ["", "ü\u{1f600}"],
      ],
      samples: [],
    },
  ]);
});

test("a key that comes twice is refused, however it is written; colons and quotes in texts are none", () => {
  for (const text of [
    '{"series":[],"series":[]}',
    '{"series" : [] , "series" : []}',
    '{"series":[{"labels":[{"name":"a","name":"b"}]}]}',
    '{"series":[],"\\u0073eries":[]}',
    '{"x\\\\":1,"x\\\\":2}',
  ]) {
    assert.throws(() => decodePushJson(Buffer.from(text)), /a key comes twice/, text);
  }
  const name = '":"\\": {"a":1}\\\\';
  assert.deepEqual(read({ series: [{ labels: [{ name, value: `${name}"` }] }], '"': { ":": '":' } }), [
    { labels: [[name, `${name}"`]], samples: [] },
  ]);
});

test("what protojson refuses is refused with a reason", () => {
  for (const [request, reason] of [
    [[], /the request is no JSON object/],
    ["x", /the request is no JSON object/],
    [{ series: {} }, /series is no JSON array/],
    [{ series: [null] }, /a series is no JSON object/],
    [{ series: [{ labels: [null] }] }, /a label is no JSON object/],
    [{ series: [{ labels: [{ name: "a", value: 5 }] }] }, /a label's value is no JSON string/],
    [{ series: [{ samples: [null] }] }, /a sample is no JSON object/],
    [{ series: [{ samples: [{ rawProfile: [1] }] }] }, /rawProfile is no JSON string/],
    [{ series: [{ samples: [{ rawProfile: "", raw_profile: "" }] }] }, /rawProfile comes twice/],
    [{ series: [{ samples: [{ ID: 5 }] }] }, /ID is no JSON string/],
    ...["+_D/AA==", "+/D/AA===", "+/D/A", "+/ D/AA", "%"].map(
      (rawProfile) => [{ series: [{ samples: [{ rawProfile }] }] }, /rawProfile is no base64/] as const,
    ),
  ] as const) {
    assert.throws(() => read(request), reason, JSON.stringify(request));
  }
  const nested = (depth: number) => Buffer.from(`{"x":${"[".repeat(depth)}${"]".repeat(depth)}}`);
  assert.throws(() => decodePushJson(nested(1001)), /nested deeper than 1000/);
  assert.throws(() => decodePushJson(nested(100_000)), /nested too deep at position/);
  assert.throws(() => decodePushJson(Buffer.alloc(0)), /no bytes/);
  assert.throws(() => decodePushJson(Buffer.from("{} x")), /JSON/);
  assert.throws(() => decodePushJson(Buffer.from([0x7b, 0xff, 0x7d])), /UTF-8/);
});

test("more objects, lists and keys than a push has are refused before they are built", () => {
  const many = (part: string, count: number) => `[${part}${`,${part}`.repeat(count - 1)}]`;
  for (const text of [`{"series":${many("{}", 1_100_000)}}`, `{"x":${many('{"a":{"b":[]}}', 300_000)}}`]) {
    assert.throws(() => decodePushJson(Buffer.from(text)), {
      kind: "permanent",
      message: "PushRequest: too many objects, lists and keys in JSON",
    });
  }
  assert.deepEqual(decodePushJson(Buffer.from(`{"series":[],"x":${many("{}", 1_000_000)}}`)), []);
});
