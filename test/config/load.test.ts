// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${…} is what the configuration language is about.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type LoadOptions, loadConfig, type ResolvedConfig } from "../../src/config/load.js";
import { formatProblem } from "../../src/config/problem.js";
import { fakeFactories } from "./fake-factories.js";

const folder = join("test", "config", "testdata");
const env = { ENDPOINT: "localhost:7777", WORD: "lots", T: "t", NUMBER: "5", LOOP: "${env:LOOP}" };

function load(sources: readonly string[], options: Partial<LoadOptions> = {}) {
  const read = (path: string) => readFile(join(folder, path.includes("-") ? path : join("included", path)));
  return loadConfig({ sources, env, readFile: read, factories: fakeFactories, ...options });
}

async function loadYaml(yaml: string, options: Partial<LoadOptions> = {}) {
  const result = await load([`yaml:${yaml}`], options);
  return { ...result, lines: result.problems.map(formatProblem), warned: result.warnings.map(formatProblem) };
}

async function valid(yaml: string, options: Partial<LoadOptions> = {}): Promise<ResolvedConfig> {
  const { config, lines } = await loadYaml(yaml, options);
  assert.deepEqual(lines, []);
  assert.ok(config);
  return config;
}

/** A whole configuration around one exporter's body. */
function withExporter(body: string): string {
  return `{receivers: {otlp: {protocols: {grpc: }}}, exporters: {otlp_grpc: ${body}}, service: {pipelines: {profiles: {receivers: [otlp], exporters: [otlp_grpc]}}}}`;
}

async function exporterConfig(body: string, options: Partial<LoadOptions> = {}): Promise<Record<string, unknown>> {
  const config = await valid(withExporter(body), options);
  return config.exporters.get("otlp_grpc")?.config as Record<string, unknown>;
}

describe("a wrong configuration", () => {
  const bad = readdirSync(folder).filter((file) => file.startsWith("bad-") && file.endsWith(".yaml"));

  for (const file of bad) {
    it(`${file} gets every error, each with its place`, async () => {
      const { config, problems } = await load([file]);
      const expected = readFileSync(join(folder, file.replace(/yaml$/, "txt")), "utf8");
      assert.equal(`${problems.map(formatProblem).join("\n")}\n`, expected);
      assert.equal(config, undefined);
    });
  }

  it("is refused without a source", async () => {
    const { problems } = await load([]);
    assert.deepEqual(problems.map(formatProblem), [
      "command line:1:1: at least one config flag must be provided (--config FILE)",
    ]);
  });

  it("is refused with more than a hundred sources", async () => {
    const { problems } = await load(Array.from({ length: 101 }, () => "good-everything.yaml"));
    assert.deepEqual(problems.map(formatProblem), ["command line:1:1: too many --config values: 101 (at most 100)"]);
  });

  it("is reported once for each source that can't be read, and for nothing that follows from it", async () => {
    const { problems } = await load([
      "no-such.yaml",
      "https://example.com/a?b=c",
      "ftp:x",
      "yaml:exporters: [",
      "yaml:[a]",
    ]);
    assert.deepEqual(problems.map(formatProblem), [
      "no-such.yaml:1:1: cannot retrieve the configuration: unable to read the file file:no-such.yaml: no such file or directory",
      'https://example.com/a:1:1: cannot retrieve the configuration: scheme "https" is not supported for uri "https://example.com/a" (turned off: download the file and give its path)',
      'ftp:x:1:1: cannot retrieve the configuration: scheme "ftp" is not supported for uri "ftp:x" (valid schemes: env, file, yaml)',
      "yaml:1:1: cannot retrieve the configuration: retrieved value cannot be used as a Conf (a configuration is a map: receivers, exporters, service …)",
      "yaml:1:13: cannot parse YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ]);
  });
});

describe("a right configuration", () => {
  it("is resolved with its defaults", async () => {
    const { config, problems, warnings } = await load(["good-everything.yaml"]);
    assert.deepEqual(problems, []);
    assert.deepEqual(warnings.map(formatProblem), [
      `good-everything.yaml:11:14: warning: 'processors' error reading configuration for "batch/ns": 'timeout' is 5 nanoseconds (for seconds write timeout: 5s)`,
      `good-everything.yaml:18:3: warning: 'exporters' "otlp" alias is deprecated; use "otlp_grpc" instead`,
      "good-everything.yaml:36:24: warning: service::telemetry::metrics::address is deprecated; write readers: [{pull: {exporter: {prometheus: {host, port}}}}]",
    ]);
    assert.ok(config);
    const server = { endpoint: "localhost:4317", max_recv_msg_size_mib: 64, include_metadata: false };
    assert.deepEqual(config.receivers.get("otlp")?.config, {
      protocols: { grpc: server, http: { ...server, endpoint: "localhost:7777" } },
    });
    assert.deepEqual(config.receivers.get("otlp/second")?.config, {
      protocols: { grpc: { ...server, endpoint: "localhost:1" } },
    });
    assert.deepEqual(config.processors.get("batch")?.config, { timeout: 200 });
    assert.deepEqual(config.processors.get("batch/ns")?.config, { timeout: 5e-6 });
    assert.deepEqual(config.processors.get("attributes")?.config, {
      actions: [
        { key: "a", action: "insert", value: 9007199254740993n, note: null },
        { key: "b", action: "insert", value: 1 },
        { key: "c", action: "insert", value: [1n, "x", { y: null }] },
      ],
    });
    assert.deepEqual(config.exporters.get("otlp")?.config, {
      endpoint: "backend:4317",
      encoding: "proto",
      timeout: 90_000,
      ratio: 1,
      tags: ["x", "y"],
      headers: [{ name: "a", value: "b" }],
      sending_queue: { enabled: true, queue_size: 1000, sizer: "requests" },
    });
    assert.equal(config.exporters.get("otlp")?.factory.type, "otlp_grpc");
    assert.deepEqual(config.extensions.get("health_check/merged")?.config, { endpoint: "localhost:1" });
    assert.deepEqual(config.service.extensions, ["health_check"]);
    const [first, second] = [...config.service.pipelines];
    assert.deepEqual(first, [
      "profiles",
      {
        receivers: ["otlp"],
        processors: ["attributes", "batch"],
        exporters: ["forward"],
        position: { file: "good-everything.yaml", line: 39, column: 5 },
      },
    ]);
    assert.equal(second[0], "profiles/out");
    assert.equal(config.service.telemetry.logs.level, "warn");
    assert.deepEqual(config.service.telemetry.metrics, { level: "normal", enabled: true, host: "0.0.0.0", port: 9999 });
    assert.deepEqual(config.service.telemetry.resource, { "service.name": "x", "service.version": null, n: "1" });
  });

  it("has telemetry where none is written", async () => {
    const { service } = await valid(withExporter("{endpoint: x}"));
    assert.equal(service.telemetry.logs.level, "info");
    assert.deepEqual(service.telemetry.logs.output_paths, ["stderr"]);
    assert.deepEqual(service.telemetry.metrics, { level: "normal", enabled: true, host: "localhost", port: 8888 });
    assert.deepEqual(service.telemetry.resource, {});
  });

  it("serves metrics where a Prometheus reader says, and nowhere with level none", async () => {
    const metrics = async (text: string) => {
      const config = await valid(withExporter("{endpoint: x}"), { sets: [`service.telemetry.metrics=${text}`] });
      return config.service.telemetry.metrics;
    };
    const reader = "readers: [{pull: {exporter: {prometheus: {host: h, port: 1}}}}]";
    assert.deepEqual(await metrics(`{level: detailed, ${reader}}`), {
      level: "detailed",
      enabled: true,
      host: "h",
      port: 1,
    });
    assert.equal((await metrics(`{level: none, ${reader}}`)).enabled, false);
    assert.equal((await metrics("{readers: [{periodic: {exporter: {console: {}}}}]}")).enabled, false);
  });

  it("may lack pipelines if a feature gate says so", async () => {
    const yaml = "{receivers: {otlp: {protocols: {grpc: }}}, exporters: {debug: }}";
    const config = await valid(yaml, { gates: new Set(["service.AllowNoPipelines"]) });
    assert.equal(config.service.pipelines.size, 0);
    assert.deepEqual((await loadYaml(yaml)).lines, [
      "yaml:1:1: service::pipelines: service must have at least one pipeline (add profiles: {receivers: […], exporters: […]})",
    ]);
  });
});

describe("null", () => {
  it("means the defaults of a struct, switched on", async () => {
    const config = await exporterConfig("{endpoint: x, sending_queue: {batch: }}");
    assert.deepEqual(config.sending_queue, {
      enabled: true,
      queue_size: 1000,
      sizer: "requests",
      batch: { min_size: 8192 },
    });
  });

  it("leaves an optional struct off that can't stand on defaults", async () => {
    const { receivers } = await valid(withExporter("{endpoint: x}").replace("grpc: ", "grpc: {tls: }"));
    const config = receivers.get("otlp")?.config as { protocols: { grpc: object } } | undefined;
    assert.deepEqual(Object.keys(config?.protocols.grpc ?? {}).includes("tls"), false);
    assert.ok(config?.protocols.grpc);
  });

  it("keeps the default of anything else", async () => {
    const config = await exporterConfig("{endpoint: x, tags: null, ratio: ~, timeout: , encoding: null}");
    assert.deepEqual([config.tags, config.ratio, config.timeout, config.encoding], [["a"], 0.5, 5000, "proto"]);
  });

  it("is the zero value where an unset variable gives it", async () => {
    const body = '{endpoint: x, tags: "${env:U}", ratio: "${env:U}", timeout: "${env:U}", sending_queue: "${env:U}"}';
    const config = await exporterConfig(body);
    assert.deepEqual([config.tags, config.ratio, config.timeout], [[], 0, 0]);
    assert.deepEqual(config.sending_queue, { enabled: true, queue_size: 1000, sizer: "requests" });
  });
});

describe("several sources", () => {
  const base = `yaml:${withExporter("{endpoint: x, ratio: 0.1, tags: [a, b], sending_queue: {queue_size: 7, sizer: bytes}}")}`;
  const merged = async (...over: string[]) => {
    const { config, problems } = await load([base, ...over]);
    assert.deepEqual(problems.map(formatProblem), []);
    return config?.exporters.get("otlp_grpc")?.config as Record<string, unknown>;
  };

  it("merge maps and replace lists and scalars, left to right", async () => {
    const config = await merged(
      "yaml:exporters: {otlp_grpc: {ratio: 0.2, tags: [c], sending_queue: {queue_size: 8}}}",
      "yaml:exporters::otlp_grpc::ratio: 0.3",
    );
    assert.deepEqual([config.endpoint, config.ratio, config.tags], ["x", 0.3, ["c"]]);
    assert.deepEqual(config.sending_queue, { enabled: true, queue_size: 8, sizer: "bytes" });
  });

  it("erase with an explicit null", async () => {
    const config = await merged("yaml:exporters::otlp_grpc::sending_queue:");
    assert.deepEqual(config.sending_queue, { enabled: true, queue_size: 1000, sizer: "requests" });
  });

  it("place an error in the source that it comes from", async () => {
    const { problems } = await load([base, "yaml:exporters:\n  otlp_grpc:\n    ratio: x"]);
    assert.deepEqual(problems.map(formatProblem), [
      `yaml:3:12: 'exporters' error reading configuration for "otlp_grpc": 'ratio' expected type 'float64', got unconvertible type 'string'`,
    ]);
  });

  it("give way to --set, whatever the order", async () => {
    const { config } = await load([base], {
      sets: ["exporters.otlp_grpc.tags=[z]", "exporters.otlp_grpc.endpoint=y:1"],
    });
    const exporter = config?.exporters.get("otlp_grpc")?.config as Record<string, unknown>;
    assert.deepEqual([exporter.tags, exporter.endpoint], [["z"], "y:1"]);
  });

  it("name a --set option without its value", async () => {
    const { problems } = await load([base], {
      sets: ["exporters.otlp_grpc.token=5", "exporters", "a..b=1", "exporters.debug=["],
    });
    assert.deepEqual(problems.map(formatProblem), [
      '--set a..b:1:1: invalid key "a..b" (write --set key.path=value)',
      "--set exporters:1:1: missing equal sign (write --set key.path=value)",
      "--set exporters.debug:1:2: cannot parse YAML: Flow sequence must end with a ]",
    ]);
    const wrong = await load([base], { sets: ["exporters.otlp_grpc.token=5"] });
    assert.deepEqual(wrong.problems.map(formatProblem), [
      `--set exporters.otlp_grpc.token:1:1: 'exporters' error reading configuration for "otlp_grpc": 'token' expected type 'string', got unconvertible type 'int' (put it in quotes)`,
    ]);
  });

  it("may be an environment variable or a fetched text", async () => {
    const text = withExporter("{endpoint: x}");
    const fromEnv = await load(["env:WHOLE"], { env: { WHOLE: text } });
    assert.deepEqual(fromEnv.problems, []);
    const fetched = await load(["https://example.com/c"], { fetchText: async () => text });
    assert.deepEqual(fetched.problems, []);
    const failed = await load(["https://u:canary@example.com/c"], {
      fetchText: () => Promise.reject(new Error("status code: 404")),
    });
    assert.deepEqual(failed.problems.map(formatProblem), [
      "https://example.com/c:1:1: cannot retrieve the configuration: unable to fetch https://example.com/c: status code: 404",
    ]);
  });
});

describe("a duration without a unit", () => {
  it("is nanoseconds, and says so where that is hardly meant", async () => {
    const { warned, config } = await loadYaml(withExporter("{endpoint: x, timeout: 5}"));
    assert.deepEqual(warned, [
      `yaml:1:90: warning: 'exporters' error reading configuration for "otlp_grpc": 'timeout' is 5 nanoseconds (for seconds write timeout: 5s)`,
    ]);
    assert.ok(config);
    for (const fine of ["0", "0s", "5000000000", "5ns"]) {
      assert.deepEqual((await loadYaml(withExporter(`{endpoint: x, timeout: ${fine}}`))).warned, [], fine);
    }
  });
});
