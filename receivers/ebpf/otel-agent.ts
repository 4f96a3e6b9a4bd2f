import { basename } from "node:path";
import type { Consumer } from "../../src/component/consumer.js";
import { grpcServerSchema } from "../../src/net/grpc-config.js";
import { createGrpcServer } from "../../src/net/grpc-server.js";
import { createOtlpIntake, profilesGrpcPath } from "../../src/net/otlp-intake.js";
import type { KeyValue } from "../../src/pdata/any-value.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { encodeExportResponse } from "../../src/proto/export-response.js";
import { type Agent, type AgentParts, supervise } from "./agent.js";
import type { EbpfReceiverConfig } from "./config.js";
import { type FilterSubject, isWanted } from "./filter.js";
import type { FoundAgent } from "./find-agent.js";
import type { HandOver } from "./hand-over.js";
import { scaleOffCpu } from "./off-cpu.js";
import type { ProcessTable } from "./processes.js";
import type { AgentCommand } from "./supervisor.js";

/** Requests that are held while the pipeline thinks; more are refused. */
const maxHeldBytes = 64 * 1024 * 1024;
const shutdownGraceMs = 1000;

type OtelConfig = Pick<EbpfReceiverConfig, "sample_rate" | "interval" | "off_cpu_probability" | "probes">;

/** The profiler's command line: flags of the agent, or a configuration of the Collector that has it built in. */
export function otelCommand({ program, args }: FoundAgent, config: OtelConfig, port: number): AgentCommand {
  const endpoint = `127.0.0.1:${port}`;
  const own = basename(program).startsWith("otelcol") ? collectorArguments(config, endpoint) : flags(config, endpoint);
  return { program, args: [...args, ...own] };
}

function flags({ sample_rate, interval, off_cpu_probability, probes }: OtelConfig, endpoint: string): string[] {
  return [
    `-collection-agent=${endpoint}`,
    "-disable-tls",
    `-samples-per-second=${sample_rate}`,
    `-reporter-interval=${interval}ms`,
    ...(off_cpu_probability > 0 ? [`-off-cpu-threshold=${off_cpu_probability}`] : []),
    ...probes.map((probe) => `-probe-link=${probe}`),
  ];
}

function collectorArguments(config: OtelConfig, endpoint: string): string[] {
  const { sample_rate: samples_per_second, interval, off_cpu_probability: off_cpu_threshold, probes } = config;
  const profiling = {
    samples_per_second,
    reporter_interval: `${interval}ms`,
    ...(off_cpu_threshold > 0 ? { off_cpu_threshold } : {}),
    ...(probes.length > 0 ? { probes: probes.map(collectorProbe) } : {}),
  };
  const otlp = { endpoint, tls: { insecure: true } };
  const service = { pipelines: { profiles: { receivers: ["profiling"], exporters: ["otlp"] } } };
  // JSON is YAML, and needs no file.
  const yaml = JSON.stringify({ receivers: { profiling }, exporters: { otlp }, service });
  return [`--config=yaml:${yaml}`, "--feature-gates=service.profilesSupport"];
}

/** kprobe:SYMBOL and kretprobe:SYMBOL; uprobe:FILE:SYMBOL and uretprobe:FILE:SYMBOL. */
function collectorProbe(probe: string): Record<string, string> {
  const [mode, ...rest] = probe.split(":");
  const symbol = rest.pop() ?? "";
  return { type: "kprobe", mode, symbol, ...(rest.length > 0 && { target: rest.join(":") }) };
}

/** The OpenTelemetry eBPF profiler, sending to a port of ours on loopback. */
export function createOtelAgent(parts: AgentParts, found: FoundAgent, handOver: HandOver, table: ProcessTable): Agent {
  const { settings, config, metrics } = parts;
  const next: Consumer = {
    mutates: true,
    reserve: () => undefined,
    async consume(profiles) {
      const filtered = keepWanted(profiles, config, table);
      if (filtered > 0) metrics.samples("filtered", filtered);
      const samples = profiles.sampleCount;
      if (samples === 0) return;
      scaleOffCpu(profiles, config.off_cpu_probability);
      // The profiler tries once: what it gave is ours to deliver or to count.
      metrics.samples((await handOver.give(profiles)) ? "taken" : "refused", samples);
    },
  };
  const intake = createOtlpIntake(settings, maxHeldBytes, next);
  const server = createGrpcServer(grpcServerSchema.parse({ endpoint: "127.0.0.1:0" }), settings);
  server.addUnary(profilesGrpcPath, (body, ctx) => intake.consume(body, ctx).then(encodeExportResponse), intake.budget);
  let profiler: Agent | undefined;
  return {
    async start() {
      const port = await server.start();
      profiler = supervise(parts, found.program, async () => otelCommand(found, config, port));
      await profiler.start();
    },
    async stop() {
      await profiler?.stop();
      await server.shutdown(shutdownGraceMs);
    },
  };
}

/** Drops resources of processes that are not wanted; returns their samples. */
function keepWanted(
  profiles: Profiles,
  { include, exclude }: Pick<EbpfReceiverConfig, "include" | "exclude">,
  table: ProcessTable,
): number {
  if (include.length === 0 && exclude.length === 0) return 0;
  table.beginInterval();
  return profiles.filterResources(({ attributes }) => isWanted(subjectOf(attributes, table), include, exclude));
}

/** The profiler knows no cgroups: these are /proc's. */
function subjectOf(attributes: readonly KeyValue[], table: ProcessTable): FilterSubject {
  const values = new Map(attributes.map(({ key, value }) => [key, value]));
  const text = (key: string): string => {
    const value = values.get(key);
    return value?.type === "string" ? value.value : "";
  };
  const id = values.get("process.pid");
  const pid = id?.type === "int" ? Number(id.value) : 0;
  const found = pid > 0 ? table.find(pid) : "gone";
  return {
    pid,
    path: text("process.executable.path"),
    name: text("process.executable.name"),
    cgroups: typeof found === "string" ? [] : found.cgroups,
    containerId: text("container.id"),
  };
}
