import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ebpfReceiverSchema } from "../../../receivers/ebpf/config.js";
import { scaleOffCpu } from "../../../receivers/ebpf/off-cpu.js";
import { otelCommand } from "../../../receivers/ebpf/otel-agent.js";
import { retryable } from "../../../src/component/errors.js";
import { mainFile } from "../../support/collector-process.js";
import type { SinkOptions } from "../../support/consumers.js";
import { plainAttributes, plainOf, profilesOf } from "../../support/plain-profiles.js";
import { recorded, recordedFiles } from "../../support/recorded.js";
import { until } from "../../support/until.js";
import { createRig, type Input } from "./rig.js";

const privileges = () => ({ isRoot: true, mayUseBpf: true });

/** A receiver whose profiler has sent the first recorded request. */
async function run(change: Input = {}, sinkOptions: SinkOptions = {}) {
  const command = [process.execPath, "test/receivers/ebpf/fake-otel-agent.mjs", mainFile, recordedFiles[0]];
  const rig = createRig({ agent: "otel", command, ...change }, sinkOptions, { privileges });
  await rig.receiver.start(rig.host);
  return rig;
}

describe("the eBPF profiler under supervision", () => {
  it("is told where to send, and what it sends goes on untouched", async () => {
    const rig = await run({ sample_rate: 99, interval: "2s" });
    await until(() => rig.sink.taken.length === 1);
    await rig.receiver.shutdown();
    assert.deepEqual(Buffer.concat(rig.sink.taken[0].profiles.encode()), Buffer.concat(recorded().encode()));
    assert.ok(
      rig.fields.some(({ line }) => line === "given -disable-tls -samples-per-second=99 -reporter-interval=2000ms"),
    );
    assert.equal(await rig.metric("flamepipe_ebpf_samples_total", "taken"), recorded().sampleCount);
    assert.equal(rig.clock.pending, 0);
  });

  it("tries once: what is refused for now is kept and offered again", async () => {
    let tries = 0;
    const rig = await run(
      {},
      {
        before: () => {
          if (++tries < 3) throw retryable("full");
        },
      },
    );
    await until(() => tries === 1);
    await rig.clock.advanceAsync(500);
    await rig.clock.advanceAsync(1000);
    assert.equal(tries, 3);
    assert.equal(rig.sink.sampleCount(), recorded().sampleCount);
    await rig.receiver.shutdown();
  });

  it("knows no filters: these are ours", async () => {
    const rig = await run({ exclude: [{ executable: "node" }] });
    await until(() => rig.sink.taken.length === 1);
    await rig.receiver.shutdown();
    const names = (batch: ReturnType<typeof recorded>) =>
      batch.resources.map(({ attributes }) => plainAttributes(attributes)["process.executable.name"]);
    const all = names(recorded());
    const left = names(rig.sink.taken[0].profiles);
    assert.ok(all.includes("node"));
    assert.deepEqual(
      left,
      all.filter((name) => name !== "node"),
    );
    const filtered = recorded().sampleCount - rig.sink.sampleCount();
    assert.equal(await rig.metric("flamepipe_ebpf_samples_total", "filtered"), filtered);
  });

  const probes = ["kprobe:tcp_sendmsg", "uretprobe:/usr/lib/libc.so.6:malloc"];
  const config = ebpfReceiverSchema.parse({
    agent: "otel",
    sample_rate: 50,
    interval: "1m",
    off_cpu_probability: 0.05,
    probes,
  });

  it("has flags as the agent", () => {
    assert.deepEqual(otelCommand({ kind: "otel", program: "/opt/ebpf-profiler", args: ["-v"] }, config, 4321).args, [
      "-v",
      "-collection-agent=127.0.0.1:4321",
      "-disable-tls",
      "-samples-per-second=50",
      "-reporter-interval=60000ms",
      "-off-cpu-threshold=0.05",
      "-probe-link=kprobe:tcp_sendmsg",
      "-probe-link=uretprobe:/usr/lib/libc.so.6:malloc",
    ]);
  });

  it("has a configuration in the Collector that has it built in", () => {
    const [first, gates] = otelCommand(
      { kind: "otel", program: "/opt/otelcol-ebpf-profiler", args: [] },
      config,
      4321,
    ).args;
    assert.equal(gates, "--feature-gates=service.profilesSupport");
    assert.deepEqual(JSON.parse(first.replace("--config=yaml:", "")), {
      receivers: {
        profiling: {
          samples_per_second: 50,
          reporter_interval: "60000ms",
          off_cpu_threshold: 0.05,
          probes: [
            { type: "kprobe", mode: "kprobe", symbol: "tcp_sendmsg" },
            { type: "kprobe", mode: "uretprobe", symbol: "malloc", target: "/usr/lib/libc.so.6" },
          ],
        },
      },
      exporters: { otlp: { endpoint: "127.0.0.1:4321", tls: { insecure: true } } },
      service: { pipelines: { profiles: { receivers: ["profiling"], exporters: ["otlp"] } } },
    });
  });
});

describe("off-CPU profiles", () => {
  const batch = () =>
    profilesOf([
      {
        attributes: { "process.pid": 7n },
        scopes: [
          {
            profiles: [
              {
                type: "off_cpu/nanoseconds",
                period: "/",
                attributes: { a: "b" },
                samples: [{ values: [1000n] }, { stack: 2, values: [3n, 2n ** 60n] }],
              },
              { type: "samples/count", samples: [{ values: [5n] }] },
            ],
          },
        ],
      },
    ]);
  const after = (probability: number) => {
    const profiles = batch();
    scaleOffCpu(profiles, probability);
    const [offCpu, onCpu] = plainOf(profiles)[0].scopes[0].profiles ?? [];
    const values = (samples: typeof offCpu.samples) => samples?.map((sample) => sample.values);
    return {
      attributes: offCpu.attributes,
      values: values(offCpu.samples),
      others: values(onCpu.samples),
      onCpu: onCpu.attributes,
    };
  };

  it("stand for all events where the probability is known", () => {
    assert.deepEqual(after(0.25), {
      attributes: { a: "b", "off_cpu.probability": 0.25 },
      values: [[4000n], [12n, 2n ** 62n]],
      others: [[5n]],
      onCpu: {},
    });
  });

  it("are held within 64 bits", () => {
    assert.deepEqual(after(0.01).values, [[100_000n], [300n, 2n ** 63n - 1n]]);
  });

  it("stay as they are where every event is taken", () => {
    assert.deepEqual(after(1).values, [[1000n], [3n, 2n ** 60n]]);
    assert.deepEqual(after(1).attributes, { a: "b", "off_cpu.probability": 1 });
  });

  it("say that they are unscaled where it isn't known", () => {
    assert.deepEqual(after(0).attributes, { a: "b", "off_cpu.unscaled": true });
    assert.deepEqual(after(0).values, [[1000n], [3n, 2n ** 60n]]);
  });
});
