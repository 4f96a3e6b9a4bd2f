import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { createSink } from "../../support/consumers.js";
import { until } from "../../support/until.js";
import { createRig, host, type Rig } from "./rig.js";
import { type Answer, startTarget, type TargetServer } from "./target-server.js";

let folder: string;
let rig: Rig;
let server: TargetServer;

const json = (body: unknown): Answer => ({
  headers: { "content-type": "application/json; charset=utf-8" },
  body: typeof body === "string" ? body : JSON.stringify(body),
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "flamepipe-sd-"));
  server = await startTarget({});
});
afterEach(async () => {
  await rig.receiver.shutdown();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function run(change: object): Promise<void> {
  const profiling_config = Object.fromEntries(
    ["process_cpu", "memory", "mutex", "block"].map((kind) => [kind, { enabled: false }]),
  );
  rig = createRig({ scrape_configs: [{ scrape_interval: "1h", profiling_config, ...change }] }, createSink());
  await rig.receiver.start(host);
}

const targets = () => rig.metrics.total("flamepipe_scrape_targets");

/** Waits until so many targets are known; a poll passes each time. */
async function reaches(count: number, stepMs = 0): Promise<void> {
  await until(
    async () => (await targets()) === count,
    () => rig.pass(stepMs),
  );
}

describe("file_sd_configs", () => {
  const file = (name: string) => join(folder, name);
  /** In one step: a file that is being written may be read as an empty one. */
  function write(name: string, text: string): void {
    writeFileSync(file(".new"), text);
    renameSync(file(".new"), file(name));
  }
  const fileSd = (...files: string[]) => ({ file_sd_configs: [{ files: files.map(file), refresh_interval: "5s" }] });

  it("reads YAML and JSON, and again when they change, come or go", async () => {
    write("a.yaml", "- targets: [h1:1, h2:2]\n  labels: {zone: a, shard: 7}\n- targets: ['h3:3']\n");
    write("b.json", '[{"targets":["h4:4"],"labels":{"zone":"b"}}]');
    await run(fileSd("*.yaml", "*.json"));
    assert.equal(await targets(), 4);
    write("c.yaml", "- targets: [h5:5]\n");
    await reaches(5, 5000);
    write("b.json", "[]");
    await reaches(4, 5000);
    unlinkSync(file("a.yaml"));
    await reaches(1, 5000);
    assert.deepEqual(rig.lines, []);
  });

  it("keeps what a file said while it is broken, and says so once", async () => {
    write("a.yaml", "- targets: [h1:1]\n");
    await run(fileSd("a.yaml"));
    for (const broken of ["- targets: [", "targets: h1\n", "- tragets: []\n", "- targets: [{}]\n"]) {
      write("a.yaml", broken);
      await rig.pass(5000);
      await until(() => rig.lines.length === 1);
    }
    assert.equal(await targets(), 1);
    assert.deepEqual(
      [rig.lines[0].message, rig.lines[0].fields.file],
      ["A file of targets can't be read", file("a.yaml")],
    );
    write("a.yaml", "- targets: [h1:1, h2:2]\n");
    await reaches(2, 5000);
  });

  it("is refused by aliases without end", async () => {
    const rows = Array.from({ length: 12 }, (_, i) => `x${i}: &x${i} [${`*x${i - 1},`.repeat(9)}]`);
    rows[0] = "x0: &x0 [a, a, a, a, a, a, a, a, a]";
    write("a.yaml", rows.join("\n"));
    await run(fileSd("a.yaml"));
    assert.equal(rig.lines.length, 1);
    assert.equal(await targets(), 0);
  });
});

describe("http_sd_configs", () => {
  const path = "/sd";
  const httpSd = (change: object = {}) => ({
    http_sd_configs: [{ url: `http://${server.address}${path}`, refresh_interval: "30s", ...change }],
  });

  it("asks again, and keeps the last list while there is no answer", async () => {
    server.script({ [path]: [json([{ targets: ["h1:1", "h2:2"], labels: { zone: "a" } }])] });
    await run(httpSd({ bearer_token: "t" }));
    await reaches(2);
    assert.equal(server.requests[0].headers.authorization, "Bearer t");
    const bad = [
      { status: 500 },
      { headers: { "content-type": "text/html" }, body: "<p>" },
      json("{"),
      json({ targets: [] }),
    ];
    server.script({ [path]: bad });
    const asked = server.requests.length;
    for (let i = 1; i <= bad.length; i++) {
      await rig.pass(30_000, () => server.requests.length >= asked + i);
    }
    await rig.pass(0, () => rig.lines.length > 0);
    assert.equal(await targets(), 2);
    assert.deepEqual(
      rig.lines.map(({ message }) => message),
      ["Targets can't be listed"],
    );
    server.script({ [path]: [json([{ targets: ["h1:1"] }])] });
    await reaches(1, 30_000);
    assert.equal(rig.lines.at(-1)?.message, "Targets are listed again");
  });

  it("does not hold up the start while the server is late", async () => {
    server.script({ [path]: [{ hang: true }] });
    await run(httpSd());
    assert.equal(await targets(), 0);
  });
});
