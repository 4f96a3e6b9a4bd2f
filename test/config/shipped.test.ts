import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { configJsonSchema } from "../../src/config/json-schema.js";
import { loadConfig } from "../../src/config/load.js";
import { formatProblem } from "../../src/config/problem.js";
import { factories } from "../contract/components.js";
import { violations } from "./json-schema-check.js";

const files = readdirSync("config").filter((file) => file.endsWith(".yaml"));
const text = (file: string) => readFileSync(join("config", file), "utf8");

async function load(source: string, env: Record<string, string> = {}, sets: readonly string[] = []) {
  const result = await loadConfig({ sources: [source], sets, env, readFile: (path) => readFile(path), factories });
  return { ...result, lines: [...result.problems, ...result.warnings].map(formatProblem) };
}

/** A value that fits a variable of that name. */
function sampleOf(name: string): string {
  if (/PORT|MIB/.test(name)) return "9999";
  if (name.endsWith("_INSECURE")) return "false";
  if (name.endsWith("_URL")) return "https://backend.example:4040";
  if (/LISTEN|ENDPOINT/.test(name)) return "127.0.0.1:9998";
  return name === "LOG_ENCODING" ? "console" : "some-name";
}

describe("shipped configurations", () => {
  it("are the six that the README names", () => {
    assert.deepEqual(files, [
      "ebpf-host.yaml",
      "ebpf-to-pyroscope.yaml",
      "gateway.yaml",
      "go-shop.yaml",
      "quickstart.yaml",
      "sidecar.yaml",
    ]);
  });

  for (const file of files) {
    it(`${file} is valid as it is, without a warning`, async () => {
      const { lines, config } = await load(join("config", file));
      assert.deepEqual(lines, []);
      assert.deepEqual([...(config?.service.pipelines.keys() ?? [])], ["profiles"]);
    });

    it(`${file} takes from the environment what differs between machines`, async () => {
      const names = [...text(file).matchAll(/^[^#\n]*\$\{env:([A-Z_]+)/gm)].map(([, name]) => name);
      assert.ok(names.length > 0);
      const env = Object.fromEntries(names.map((name) => [name, sampleOf(name)]));
      assert.deepEqual((await load(join("config", file), env)).lines, []);
    });

    it(`${file} redacts what is private in one line that can be deleted`, async () => {
      const { config } = await load(join("config", file));
      const processors: readonly string[] = config?.service.pipelines.get("profiles")?.processors ?? [];
      const names: string[] = ["resource/privacy", "redaction/privacy"];
      // Names of source files are there once symbolize has found them.
      const before = processors.slice(0, processors.indexOf(names[0])).filter((id) => id !== "symbolize");
      assert.deepEqual(before, ["memory_limiter"]);
      assert.ok(processors.join().includes(names.join()));
      const kept = text(file)
        .split("\n")
        .filter((line) => !line.includes("# privacy: delete this line"));
      assert.equal(kept.length, text(file).split("\n").length - 1);
      const without = await load(`yaml:${kept.join("\n")}`);
      assert.deepEqual(without.lines, []);
      const left = without.config?.service.pipelines.get("profiles")?.processors ?? [];
      assert.deepEqual(
        left,
        processors.filter((id) => !names.includes(id)),
      );
    });

    it(`${file} fits the JSON schema`, () => {
      assert.deepEqual(violations(configJsonSchema(factories), parse(text(file))), []);
    });
  }

  it("have the same privacy rules", () => {
    const rules = files.map((file) => {
      const { processors } = parse(text(file));
      return [processors["resource/privacy"], processors["redaction/privacy"]];
    });
    for (const each of rules) assert.deepEqual(each, rules[0]);
  });
});

describe("the JSON schema", () => {
  const schema = configJsonSchema(factories);
  const base = parse(text("quickstart.yaml"));

  it("accepts what validation accepts: references, nulls, paths as keys, aliases, lists in one string", () => {
    const yaml = `
receivers: {otlp: {protocols: {grpc: , http: {endpoint: "\${env:A}", include_metadata: "\${env:B}"}}}}
exporters::debug/x:
exporters:
  otlp/y: {endpoint: "a:1", timeout: "\${env:T}", sending_queue: {queue_size: "\${env:N}"}}
  otlp_grpc: {endpoint: "a:1", tls::insecure: true, timeout: 1m30s, headers: {a: b}}
service:
  extensions: health_check
  pipelines: {profiles: {receivers: otlp, exporters: "debug/x,otlp/y"}, profiles/2: }
`;
    assert.deepEqual(violations(schema, parse(yaml)), []);
  });

  const wrong: readonly (readonly [name: string, change: object, place: RegExp])[] = [
    ["an unknown section", { exporter: {} }, /^\.exporter /],
    ["an unknown component", { exporters: { nosuch: {} } }, /^\.exporters\.nosuch /],
    ["an unknown key", { exporters: { debug: { verbose: true } } }, /^\.exporters\.debug\.verbose /],
    ["a word that is no choice", { exporters: { debug: { verbosity: "loud" } } }, /^\.exporters\.debug\.verbosity /],
    [
      "a number in quotes",
      { processors: { batch: { send_batch_size: "5" } } },
      /^\.processors\.batch\.send_batch_size /,
    ],
    ["no duration", { processors: { batch: { timeout: "5 s" } } }, /^\.processors\.batch\.timeout /],
    ["another signal", { service: { pipelines: { traces: {} } } }, /^\.service\.pipelines\.traces /],
    [
      "an unknown level",
      { service: { telemetry: { metrics: { views: 5 } } } },
      /^\.service\.telemetry\.metrics\.views /,
    ],
  ];
  for (const [name, change, place] of wrong) {
    it(`refuses ${name}`, () => {
      const found = violations(schema, { ...base, ...change });
      assert.equal(found.length, 1);
      assert.match(found[0], place);
    });
  }
});
