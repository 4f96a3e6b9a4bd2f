import { connect } from "node:net";
import { type EbpfReceiverConfig, ebpfReceiverSchema } from "../../../receivers/ebpf/config.js";
import { createEbpfReceiver, type Surroundings } from "../../../receivers/ebpf/ebpf-receiver.js";
import type { Profiles } from "../../../src/pdata/profiles.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { host } from "../../contract/components.js";
import { recordingLogger } from "../../net/support.js";
import { createSink, type SinkOptions } from "../../support/consumers.js";
import { createFakeClock } from "../../support/fake-clock.js";
import { type PlainValue, plainAttributes } from "../../support/plain-profiles.js";

export type Input = Record<string, unknown>;

export interface ListenRigOptions extends SinkOptions {
  /** Keys of `listen`. */
  readonly listen?: Input;
  /** Other keys. */
  readonly change?: Input;
}

/** A receiver that listens on a free port, before a sink, in a time that stands still. */
export async function startListening({ listen = {}, change = {}, ...sinkOptions }: ListenRigOptions = {}) {
  const rig = createRig({ listen: { endpoint: "127.0.0.1:0", ...listen }, ...change }, sinkOptions);
  await rig.receiver.start(rig.host);
  return {
    ...rig,
    /** An agent that sends this and goes; resolves when all of it was read. */
    send: (...pieces: (Buffer | string)[]) => sendTo({ port: rig.receiver.port, host: "127.0.0.1" }, pieces),
  };
}

/** A receiver before a sink, in a time that stands still; not started. */
export function createRig(keys: Input, sinkOptions: SinkOptions = {}, surroundings: Partial<Surroundings> = {}) {
  const sink = createSink(sinkOptions);
  const clock = createFakeClock();
  const metrics = createMetrics();
  const { log, lines, fields } = recordingLogger();
  const settings = { id: "ebpf", kind: "receiver", log, metrics, build: { name: "flamepipe", version: "1" } } as const;
  const config: EbpfReceiverConfig = ebpfReceiverSchema.parse({ proc: "/no/proc", ...keys });
  const receiver = createEbpfReceiver(settings, config, sink, { clock, ...surroundings });
  const reports: string[] = [];
  return {
    host: {
      ...host,
      report: (_id: string, status: string, detail?: Error) =>
        reports.push(`${status} ${detail?.message ?? ""}`.trim()),
    },
    reports,
    sink,
    clock,
    metrics,
    receiver,
    lines,
    fields,
    /** Value of a counter with this label value. */
    async metric(name: string, label: string): Promise<number> {
      const found = (await metrics.text())
        .split("\n")
        .find((line) => line.startsWith(`${name}{`) && line.includes(`"${label}"`));
      return Number(found?.slice(found.lastIndexOf(" ") + 1));
    },
  };
}

export async function sendTo(
  address: { port: number; host: string } | { path: string },
  pieces: readonly (Buffer | string)[],
): Promise<void> {
  const socket = connect({ ...address, allowHalfOpen: false });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => {});
  for (const piece of pieces) {
    if (!socket.write(piece)) await new Promise((resolve) => socket.once("drain", resolve));
  }
  socket.end();
  await closed;
}

export interface PlainStack {
  readonly resource: Record<string, PlainValue>;
  readonly sample: Record<string, PlainValue>;
  /** Leaf first: names, or addresses in hex; kernel frames end in `_k`. */
  readonly stack: readonly string[];
  readonly value: bigint;
}

/** Every sample of a batch in plain words. */
export function stacksOf(batch: Profiles): PlainStack[] {
  const { dictionary } = batch;
  const frame = (index: number): string => {
    const { lines, address, attributeIndices } = dictionary.location(index);
    const names = lines.map((line) => dictionary.string(dictionary.function(line.functionIndex).nameIndex));
    const attributes = plainAttributes(Array.from(attributeIndices, (at) => dictionary.attribute(at)));
    const text = names.length > 0 ? names.join("<") : `0x${address.toString(16)}`;
    return attributes["profile.frame.type"] === "kernel" ? `${text}_k` : text;
  };
  return batch.resources.flatMap((resource) =>
    resource.scopes.flatMap((scope) =>
      scope.profiles.flatMap((profile) => {
        const columns = profile.columns();
        return Array.from({ length: columns.length }, (_, row) => ({
          resource: plainAttributes(resource.attributes),
          sample: plainAttributes(
            Array.from(columns.attrSets[columns.attrSet[row]], (index) => dictionary.attribute(index)),
          ),
          stack: Array.from(dictionary.stack(columns.stack[row]), frame),
          value: columns.values[columns.valueStart[row]],
        }));
      }),
    ),
  );
}

export function sumOf(batches: readonly Profiles[]): bigint {
  return batches.flatMap(stacksOf).reduce((sum, { value }) => sum + value, 0n);
}
