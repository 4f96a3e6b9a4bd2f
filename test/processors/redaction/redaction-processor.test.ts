import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Profiles } from "../../../src/pdata/profiles.js";
import { encodeRequest, judge } from "../../support/otlp-oracle.js";
import { recorded } from "../../support/recorded.js";
import { through } from "../through.js";

const homes = `
blocked_values: ['(^(?:/.*?)?/home/)[^/]+']
replacement: $1*`;

/** A request with the text canary in every place that is looked at, and the function name main.canary, which is not. */
function request(): object {
  const home = { string_value: "/home/canary/x" };
  return {
    resource_profiles: [
      {
        resource: {
          attributes: [
            { key: "cwd", value: home },
            { key: "list", value: { array_value: { values: [home, { int_value: "5" }] } } },
            { key: "map", value: { kvlist_value: { values: [{ key: "inner", value: home }] } } },
            { key: "secret.pid", value: { int_value: "4242" } },
          ],
        },
        scope_profiles: [
          {
            scope: { name: "s", attributes: [{ key: "cwd", value: home }] },
            profiles: [
              {
                sample_type: { type_strindex: 1, unit_strindex: 2 },
                samples: [{ stack_index: 1, attribute_indices: [1, 2], values: ["7"] }],
                original_payload_format: "pprof",
                original_payload: Buffer.from("of /home/canary"),
                attribute_indices: [1],
              },
            ],
          },
        ],
      },
    ],
    dictionary: {
      mapping_table: [{}, { memory_start: "4096", filename_strindex: 3, attribute_indices: [1] }],
      location_table: [{}, { mapping_index: 1, address: "4100", lines: [{ function_index: 1, line: "9" }] }],
      function_table: [{}, { name_strindex: 5, filename_strindex: 4, start_line: "8" }],
      link_table: [{}],
      string_table: [
        "",
        "samples",
        "count",
        "/home/canary/bin/app",
        "/home/canary/src/a.go",
        "main.canary",
        "path",
        "n",
      ],
      attribute_table: [
        {},
        { key_strindex: 6, value: home, unit_strindex: 7 },
        { key_strindex: 7, value: { int_value: "-9007199254740993" } },
      ],
      stack_table: [{}, { location_indices: [1] }],
    },
  };
}

async function redacted(yaml: string, profiles: Profiles) {
  const out = await (await through("redaction", yaml)).sendProfiles(profiles);
  const bytes = Buffer.concat(out?.encode() ?? []);
  const verdict = judge(bytes);
  assert.ok(verdict.ok);
  return { bytes, out, request: verdict.request };
}

describe("redaction", () => {
  it("reaches attributes of every level and file names, and nothing else", async () => {
    const { bytes, request: got, out } = await redacted(homes, Profiles.parse(encodeRequest(request())));
    assert.deepEqual(bytes.toString("latin1").match(/.{5}canary/g), ["main.canary"]);
    const text = JSON.stringify(request()).replaceAll("/home/canary", "/home/*");
    // biome-ignore lint/suspicious/noExplicitAny: a plain request
    const want: any = JSON.parse(text);
    const profile = want.resource_profiles[0].scope_profiles[0].profiles[0];
    delete profile.original_payload;
    delete profile.original_payload_format;
    const plain = judge(encodeRequest(want));
    assert.ok(plain.ok);
    assert.deepEqual(JSON.parse(JSON.stringify(got)), JSON.parse(JSON.stringify(plain.request)));
    assert.equal(out?.droppedPayloads, 0, "counted and booked by the edge");
  });

  it("blanks values by their keys, whatever their type", async () => {
    const { request: got } = await redacted(
      "blocked_key_patterns: ['^secret', '^n$']",
      Profiles.parse(encodeRequest(request())),
    );
    assert.deepEqual(got.resource_profiles[0].resource.attributes[3].value.string_value, "****");
    assert.deepEqual(got.dictionary.attribute_table[2].value.string_value, "****");
    assert.equal(got.dictionary.string_table[3], "/home/canary/bin/app");
  });

  it("leaves file names alone where it is told to", async () => {
    const { request: got } = await redacted(`${homes}\nfile_names: false`, Profiles.parse(encodeRequest(request())));
    assert.equal(got.dictionary.string_table[3], "/home/canary/bin/app");
    assert.equal(got.dictionary.attribute_table[1].value.string_value, "/home/*/x");
  });

  it("hands on what holds nothing of the kind as the very bytes that came", async () => {
    const profiles = recorded();
    const [before] = profiles.encode();
    const { out } = await redacted("blocked_values: [no such text anywhere]", profiles);
    assert.ok(out?.untouched);
    assert.equal(out?.encode()[0], before);
  });

  it("keeps a batch that a sibling branch holds as it is", async () => {
    const profiles = Profiles.parse(encodeRequest(request()));
    const before = Buffer.concat(profiles.encode());
    await redacted(homes, profiles.copy());
    assert.deepEqual(Buffer.concat(profiles.encode()), before);
  });

  it("refuses what is no pattern, and a configuration that would do nothing", async () => {
    await assert.rejects(through("redaction", "blocked_values: ['(']"), /missing closing \)/);
    await assert.rejects(
      through("redaction", "file_names: true"),
      /at least one pattern in blocked_values or blocked_key/,
    );
    await assert.rejects(through("redaction", "{blocked_values: [a], allow_all_keys: false}"), /allow_all_keys/);
  });
});
