// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${…} is what the configuration language is about.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loadConfig } from "../../src/config/load.js";
import { type PrintOptions, printConfig } from "../../src/config/print.js";
import { formatProblem } from "../../src/config/problem.js";
import { parseYamlValue } from "../../src/config/yaml-value.js";
import { fakeFactories } from "./fake-factories.js";

const env = { SECRET: "canary-1", ENDPOINT: "backend:4317", HOST: "h" };

async function load(yaml: string) {
  return loadConfig({
    sources: [`yaml:${yaml}`],
    env,
    readFile: () => Promise.reject(new Error("no files here")),
    factories: fakeFactories,
  });
}

async function print(yaml: string, options: Partial<PrintOptions> = {}): Promise<string> {
  const { document, problems } = await load(yaml);
  assert.deepEqual(problems.map(formatProblem), []);
  assert.ok(document);
  return printConfig(document, fakeFactories, { mode: "redacted", format: "yaml", ...options });
}

const config = `
receivers:
  otlp: {protocols: {grpc: }}
exporters:
  otlp:
    endpoint: "\${env:ENDPOINT}"
    token: canary-2
    headers: {authorization: "Bearer canary-3", x: "\${env:SECRET}", y: "a\${env:SECRET}", z: "\${env:U:-canary-4}", n: null}
    ratio: 0.5
    tags: ["yes", "0123", "1_000", "null", plain, "$$1", "$\${env:X}", "", "a: b", "<<"]
  otlp_grpc/list:
    endpoint: https://user:canary-5@host/path
    headers: [{name: a, value: canary-6}, {name: b, value: "\${SECRET}"}]
    sending_queue: {queue_size: 5}
  debug:
service:
  telemetry:
    metrics:
      readers:
        - periodic: {exporter: {otlp: {endpoint: x, headers: {api-key: canary-7}}}}
        - periodic: {exporter: {otlp: {endpoint: x, headers: [{name: api-key, value: canary-8}]}}}
        - pull: {exporter: {prometheus: {port: 1}}}
  pipelines:
    profiles: {receivers: [otlp], exporters: [otlp, otlp_grpc/list]}
`;

describe("print-config", () => {
  for (const format of ["yaml", "json"] as const) {
    it(`never shows a secret (${format})`, async () => {
      const text = await print(config, { format });
      assert.doesNotMatch(text, /canary/);
    });
  }

  it("shows all else, expanded, and references that stand for secrets", async () => {
    assert.deepEqual(parseYamlValue(await print(config)), {
      receivers: { otlp: { protocols: { grpc: null } } },
      exporters: {
        otlp: {
          endpoint: "backend:4317",
          token: "[REDACTED]",
          headers: { authorization: "[REDACTED]", x: "${env:SECRET}", y: "[REDACTED]", z: "[REDACTED]", n: null },
          ratio: 0.5,
          tags: ["yes", "0123", "1_000", "null", "plain", "$1", "$${env:X}", "", "a: b", "<<"],
        },
        "otlp_grpc/list": {
          endpoint: "https://[REDACTED]@host/path",
          headers: [
            { name: "a", value: "[REDACTED]" },
            { name: "b", value: "${SECRET}" },
          ],
          sending_queue: { queue_size: 5n },
        },
        debug: null,
      },
      service: {
        telemetry: {
          metrics: {
            readers: [
              { periodic: { exporter: { otlp: { endpoint: "x", headers: { "api-key": "[REDACTED]" } } } } },
              {
                periodic: {
                  exporter: { otlp: { endpoint: "x", headers: [{ name: "api-key", value: "[REDACTED]" }] } },
                },
              },
              { pull: { exporter: { prometheus: { port: 1n } } } },
            ],
          },
        },
        pipelines: { profiles: { receivers: ["otlp"], exporters: ["otlp", "otlp_grpc/list"] } },
      },
    });
  });

  it("unredacted, reads back to the same configuration", async () => {
    const text = await print(config, { mode: "unredacted" });
    assert.match(text, /canary-1/);
    const first = (await load(config)).config;
    const second = (await load(text)).config;
    assert.ok(first && second);
    for (const id of first.exporters.keys()) {
      assert.deepEqual(second.exporters.get(id)?.config, first.exporters.get(id)?.config);
    }
    assert.deepEqual(second.service.telemetry, first.service.telemetry);
  });

  it("writes JSON with exact integers", async () => {
    const yaml = `
receivers: {otlp: {protocols: {grpc: }}}
processors: {attributes: {actions: [{key: a, action: b, value: 9007199254740993}, {key: a, action: b, value: [{}, []]}]}}
exporters: {debug: }
service: {pipelines: {profiles: {receivers: [otlp], processors: [attributes], exporters: [debug]}}}
`;
    const text = await print(yaml, { format: "json" });
    assert.match(text, /"value": 9007199254740993\n/);
    assert.deepEqual(JSON.parse(text).service.pipelines.profiles.processors, ["attributes"]);
    assert.match(await print(yaml), /value: 9007199254740993\n/);
  });
});

describe("errors", () => {
  it("never show a secret", async () => {
    const wrong = [
      "exporters: {otlp_grpc: {token: [canary], headers: [{name: a, value: {canary: 1}}]}}",
      'exporters: {otlp_grpc: {token: "${env:SECRET} ${nosuch:x}"}}',
      "exporters: {otlp_grpc: {endpoint: x, token: 123456789, timeout: 1}}",
      "exporters: {otlp_grpc: {token: 'canary' canary}}",
      "exporters: {otlp_grpc: {ratio: '${env:SECRET}', headers: '${env:SECRET}', sending_queue: '${env:U:-canary}'}}",
    ];
    for (const yaml of wrong) {
      const { problems } = await load(yaml);
      assert.ok(problems.length > 0);
      assert.doesNotMatch(problems.map(formatProblem).join("\n"), /canary|123456789/, yaml);
    }
  });
});
