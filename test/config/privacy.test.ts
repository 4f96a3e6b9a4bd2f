import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse, stringify } from "yaml";
import { Profiles } from "../../src/pdata/profiles.js";
import { withPipelines } from "../support/build-from-yaml.js";
import { encodeRequest, judge } from "../support/otlp-oracle.js";

const files = readdirSync("config").filter((file) => file.endsWith(".yaml"));

/** The pipeline of a shipped configuration between the test's own ends. */
function pipelineOf(file: string): string {
  const { processors, service } = parse(readFileSync(join("config", file), "utf8"));
  // What batch waits for is tested elsewhere.
  if (processors.batch) processors.batch = { timeout: "1ms" };
  const profiles = { ...service.pipelines.profiles, receivers: ["source"], exporters: ["sink"] };
  return stringify({
    receivers: { source: null },
    processors,
    exporters: { sink: null },
    service: { pipelines: { profiles } },
  });
}

const secrets: Readonly<Record<string, object>> = {
  "process.environment_variable.DB_PASSWORD": { string_value: "canary-env" },
  "process.command_line": { string_value: "app --token canary-line" },
  "process.command_args": { array_value: { values: [{ string_value: "app" }, { string_value: "canary-arg" }] } },
  "process.command": { string_value: "/opt/canary-command" },
  "process.executable.path": { string_value: "/home/canary-user/bin/app" },
  "process.working_directory": { string_value: "/var/home/canary-user" },
};

/** Of a binary and of three source files. */
const fileNames = [
  "/home/canary-user/bin/app",
  "/Users/canary-user/src/a.go",
  "file:///home/canary-user/app/index.js",
  "C:\\Users\\canary-user\\a.py",
];
const redactedNames = ["/home/*/bin/app", "/Users/*/src/a.go", "file:///home/*/app/index.js", "C:\\Users\\*\\a.py"];

function request(attributes: Readonly<Record<string, object>>): Profiles {
  const bytes = encodeRequest({
    resource_profiles: [
      {
        resource: { attributes: Object.entries(attributes).map(([key, value]) => ({ key, value })) },
        scope_profiles: [
          {
            profiles: [
              { sample_type: { type_strindex: 1, unit_strindex: 2 }, samples: [{ stack_index: 1, values: [1] }] },
            ],
          },
        ],
      },
    ],
    dictionary: {
      mapping_table: [{}, { memory_start: "4096", filename_strindex: 3 }],
      location_table: [{}, { mapping_index: 1, lines: [4, 5, 6].map((_, i) => ({ function_index: i + 1 })) }],
      function_table: [{}, ...[4, 5, 6].map((filename_strindex) => ({ filename_strindex }))],
      link_table: [{}],
      string_table: ["", "samples", "count", ...fileNames],
      attribute_table: [{}],
      stack_table: [{}, { location_indices: [1] }],
    },
  });
  return Profiles.parse(bytes);
}

/** What a request with these resource attributes is when it leaves the pipeline. */
async function after(file: string, attributes: Readonly<Record<string, object>>) {
  const { sinks } = await withPipelines(pipelineOf(file), ({ send }) => send(request(attributes)));
  const bytes = Buffer.concat(sinks.get("sink")?.taken.flatMap(({ profiles }) => profiles.encode()) ?? []);
  const verdict = judge(bytes);
  assert.ok(verdict.ok);
  type Attribute = { key: string; value: { string_value: string } };
  const list: Attribute[] = verdict.request.resource_profiles[0].resource.attributes;
  return {
    bytes,
    strings: verdict.request.dictionary.string_table,
    text: Object.fromEntries(list.map(({ key, value }) => [key, value.string_value])),
  };
}

describe("privacy in the shipped configurations", () => {
  for (const file of files) {
    it(`${file} lets no environment, command line or home directory through`, async () => {
      const { bytes, strings, text } = await after(file, secrets);
      assert.equal(bytes.includes("canary"), false);
      assert.equal(bytes.includes("process.environment_variable"), false);
      assert.equal(bytes.includes("process.command"), false);
      assert.equal(text["process.executable.path"], "/home/*/bin/app");
      assert.equal(text["process.working_directory"], "/var/home/*");
      for (const name of redactedNames) assert.ok(strings.includes(name), name);
    });

    it(`${file} leaves other paths alone`, async () => {
      const paths = ["/usr/bin/home", "/opt/homes/x/y", "/home", "relative/home/x"];
      for (const path of paths) {
        const { text } = await after(file, { "process.executable.path": { string_value: path } });
        assert.equal(text["process.executable.path"], path);
      }
    });
  }
});
