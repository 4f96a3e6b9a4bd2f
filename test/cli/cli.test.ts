import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { cli } from "../support/cli-run.js";

const good = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}}}
exporters:
  nop:
connectors:
  forward:
service:
  pipelines:
    profiles: {receivers: [otlp], exporters: [nop]}
`;

describe("the command line", () => {
  let dir = "";
  const file = (name: string, text: string) => {
    const path = join(dir, name);
    writeFileSync(path, text);
    return path;
  };
  before(() => {
    dir = mkdtempSync(join(tmpdir(), "flamepipe-cli-"));
  });
  after(() => rmSync(dir, { recursive: true }));

  it("says its version", async () => {
    for (const flag of ["--version", "-v"]) {
      assert.deepEqual(await cli([flag]), { code: 0, stdout: "flamepipe version 9.8.7\n", stderr: "" });
    }
  });

  it("lists its commands and options", async () => {
    const { code, stdout } = await cli(["--help"]);
    assert.equal(code, 0);
    for (const word of ["validate", "components", "print-config", "featuregate", "send", "try", "--config", "--set"]) {
      assert.ok(stdout.includes(word), word);
    }
  });

  for (const argv of [["--no-such-option"], ["nosuch"], ["send"], ["--grace-period", "5"], ["try", "nosuch"]]) {
    it(`refuses ${argv.join(" ")}`, async () => {
      const { code, stderr } = await cli(argv);
      assert.equal(code, 1);
      assert.match(stderr, /^error: /);
    });
  }

  it("doesn't run without a configuration", async () => {
    const { code, stderr } = await cli([]);
    assert.equal(code, 1);
    assert.match(stderr, /^Error: .*at least one config flag must be provided/s);
  });

  describe("validate", () => {
    it("is silent when all is well", async () => {
      assert.deepEqual(await cli(["validate", "--config", file("good.yaml", good)]), {
        code: 0,
        stdout: "",
        stderr: "",
      });
    });

    it("takes options before and after the command", async () => {
      const path = file("good.yaml", good);
      assert.equal((await cli(["--config", path, "validate"])).code, 0);
      assert.equal((await cli(["--config", path, "validate", "--set", "exporters.nop=null"])).code, 0);
      const { code, stderr } = await cli([
        "--config",
        path,
        "validate",
        "--set",
        "service.pipelines.profiles.exporters=[nob]",
      ]);
      assert.equal(code, 1);
      assert.match(stderr, /references exporter "nob" which is not configured/);
    });

    it("lists every problem with its place", async () => {
      const path = file("bad.yaml", good.replace("nop:", "nop: {a: 1}").replace("[otlp]", "[otpl]"));
      const { code, stdout, stderr } = await cli(["validate", "--config", path]);
      assert.equal(code, 1);
      assert.equal(stdout, "");
      const lines = stderr.trimEnd().split("\n");
      assert.equal(lines[0], "Error: invalid configuration, 2 problems:");
      assert.ok(lines[1].startsWith(`${path}:5:9: `), lines[1]);
      assert.ok(lines[2].startsWith(`${path}:10:28: `), lines[2]);
      assert.match(lines[2], /references receiver "otpl" which is not configured \(did you mean "otlp"\?\)$/);
    });

    it("builds the pipelines: a dangling connector is found, and placed", async () => {
      const path = file("dangling.yaml", good.replace("exporters: [nop]", "exporters: [forward]"));
      const { code, stderr } = await cli(["validate", "--config", path]);
      assert.equal(code, 1);
      assert.equal(
        stderr,
        `Error: invalid configuration:\n${path}:10:46: failed to build pipelines: connector "forward" used as exporter in ` +
          "[profiles] pipeline but not used in any supported receiver pipeline\n",
      );
    });

    it("accepts the Collector's feature gates, and refuses unknown ones", async () => {
      const path = file("good.yaml", good);
      const gates = "service.profilesSupport,+telemetry.newPipelineTelemetry,-service.partialReload";
      assert.deepEqual(await cli(["validate", "--config", path, "--feature-gates", gates]), {
        code: 0,
        stdout: "",
        stderr: "",
      });
      const { code, stderr } = await cli(["validate", "--config", path, "--feature-gates=-nosuch"]);
      assert.equal(code, 1);
      assert.match(stderr, /^Error: no such feature gate "nosuch"\. valid gates: \[/);
    });

    it("says which file it can't read", async () => {
      const { code, stderr } = await cli(["validate", "--config", join(dir, "none.yaml")]);
      assert.equal(code, 1);
      assert.match(stderr, /none\.yaml/);
      assert.match(stderr, /ENOENT|no such file/);
    });
  });

  it("print-config prints what was merged and expanded", async () => {
    const first = file("good.yaml", good);
    const second = file("more.yaml", "service:\n  telemetry:\n    logs:\n      level: $" + "{env:LEVEL}\n");
    const options = ["--config", first, "--config", second, "--set", "service.telemetry.metrics.level=none"];
    const { code, stdout } = await cli(["print-config", ...options], { env: { LEVEL: "warn" } });
    assert.equal(code, 0);
    const config = parse(stdout);
    assert.deepEqual(config.receivers.otlp, { protocols: { grpc: { endpoint: "127.0.0.1:0" } } });
    assert.deepEqual(config.service.telemetry, { logs: { level: "warn" }, metrics: { level: "none" } });
    const json = await cli(["print-config", "--format", "json", ...options], { env: { LEVEL: "warn" } });
    assert.deepEqual(JSON.parse(json.stdout), config);
  });

  it("print-config redacts secrets unless told otherwise, and checks unless told otherwise", async () => {
    const exporter = 'otlp_grpc: {endpoint: "a:1", headers: {authorization: hunter2}}\n  nop:';
    const path = file("secret.yaml", good.replace("nop:", exporter));
    const redacted = await cli(["print-config", "--config", path]);
    assert.equal(redacted.code, 0);
    assert.ok(!redacted.stdout.includes("hunter2"));
    assert.match(redacted.stdout, /\[REDACTED\]/);
    assert.match((await cli(["print-config", "--mode", "unredacted", "--config", path])).stdout, /hunter2/);
    const bad = file("bad.yaml", good.replace("nop:", "nop: {a: 1}"));
    assert.equal((await cli(["print-config", "--config", bad])).code, 1);
    assert.equal((await cli(["print-config", "--validate", "false", "--config", bad])).code, 0);
  });

  it("components lists everything as YAML, with the stability for profiles", async () => {
    const { code, stdout } = await cli(["components"]);
    assert.equal(code, 0);
    const listed = parse(stdout);
    assert.deepEqual(listed.buildinfo.version, "9.8.7");
    assert.deepEqual(
      listed.connectors.map(({ name, stability }: { name: string; stability: object }) => ({ name, stability })),
      [{ name: "forward", stability: { "profiles-to-profiles": "Beta" } }],
    );
    const nop = listed.exporters.find(({ name }: { name: string }) => name === "nop");
    assert.deepEqual(nop.stability, { profiles: "Beta" });
    const otlp = listed.exporters.find(({ name }: { name: string }) => name === "otlp_grpc");
    assert.deepEqual(otlp.deprecated_aliases, ["otlp"]);
    assert.deepEqual(listed.extensions[0].stability, { extension: "Beta" });
    assert.ok(listed.providers.some(({ scheme }: { scheme: string }) => scheme === "env"));
  });

  it("featuregate lists gates, or shows one", async () => {
    const { stdout } = await cli(["featuregate"]);
    assert.match(stdout, /^ID +Enabled +Stage +Description\n/);
    assert.match(stdout, /^service\.profilesSupport +true +Stable +\S/m);
    const one = await cli(["featuregate", "service.profilesSupport"]);
    assert.match(one.stdout, /^Feature: service\.profilesSupport\nEnabled: true\nStage: Stable\n/);
    const none = await cli(["featuregate", "nosuch"]);
    assert.deepEqual([none.code, none.stderr], [1, 'Error: feature "nosuch" not found\n']);
  });

  it("try answers lines on stdin", async () => {
    const stdin = '{"rules":[{"target_label":"a","replacement":"b"}],"input":{}}\nnonsense\n';
    const { code, stdout } = await cli(["try", "relabel"], { stdin });
    const lines = stdout.trimEnd().split("\n");
    assert.equal(code, 0);
    assert.equal(lines[0], '{"output":{"a":"b"}}');
    assert.match(lines[1], /^\{"error":"/);
    assert.equal(lines.length, 2);
    const request = '{"actions":[{"key":"a","action":"delete"}],"input":[{"key":"a","value":{"boolValue":true}}]}';
    assert.equal((await cli(["try", "attributes"], { stdin: request })).stdout, '{"output":[]}\n');
  });
});
