import { z } from "zod";
import { duration } from "../../src/component/schema.js";
import { transportField } from "../../src/net/grpc-config.js";

export const streamFormats = ["bpftrace_json", "folded", "perf_script"] as const;

export const mapKeyParts = ["pid", "tid", "cpu", "comm", "kstack", "ustack"] as const;
export type MapKeyPart = (typeof mapKeyParts)[number];

function isStack(part: MapKeyPart): boolean {
  return part === "kstack" || part === "ustack";
}

/** What comes from a socket or a command, and how it is to be read. */
const streamFields = {
  format: z
    .enum(streamFormats)
    .default("bpftrace_json")
    .describe("bpftrace_json (`bpftrace -f json`), folded (`comm;outer;inner 12` lines) or perf_script (its text)."),
  map_key: z
    .array(z.enum(mapKeyParts))
    .default(["pid", "comm", "kstack", "ustack"])
    .describe("bpftrace_json: what the program's map is keyed by, in its order: pid, tid, cpu, comm, then the stacks.")
    .superRefine((parts, ctx) => {
      const complain = (message: string) => ctx.addIssue({ code: "custom", message });
      if (new Set(parts).size < parts.length) complain("names a part twice");
      const firstStack = parts.findIndex(isStack);
      if (firstStack < 0) complain("must have a stack: `kstack`, `ustack` or both");
      else if (parts.slice(firstStack).some((part) => !isStack(part))) complain("stacks must be the last parts");
    }),
};

const listenSchema = z
  .strictObject({
    endpoint: z
      .string()
      .min(1)
      .describe("host:port to listen on, or a socket's path with `transport: unix`. Required."),
    transport: transportField,
    ...streamFields,
    max_line_bytes: z
      .int()
      .min(1024)
      .max(256 * 1024 * 1024)
      .default(16 * 1024 * 1024)
      .describe("Longest line; bpftrace writes a whole map as one line. Longer ones are left out and counted."),
    max_connections: z.int().min(1).max(1000).default(8).describe("Agents at the same time; more are turned away."),
  })
  .optional()
  .describe("A port or socket to which agents of your own stream.");

export type ListenConfig = NonNullable<z.output<typeof listenSchema>>;
export type StreamConfig = Pick<ListenConfig, "format" | "map_key" | "max_line_bytes">;

const filterSchema = z
  .strictObject({
    executable: z
      .string()
      .min(1)
      .optional()
      .describe("Glob over the executable's path, or over its name where the glob has no slash."),
    pid: z.int().min(1).optional().describe("Process id, as the host sees it."),
    cgroup: z.string().min(1).optional().describe("Glob over a path in /proc/PID/cgroup; ** is any number of levels."),
    container: z.string().min(1).optional().describe("Glob over the container's id."),
  })
  .refine((filter) => Object.values(filter).some((value) => value !== undefined), {
    error: "must say what to match: executable, pid, cgroup or container",
  });

export type ProcessFilter = z.output<typeof filterSchema>;

const probe = /^(?:k(?:ret)?probe:[^:\s]+|u(?:ret)?probe:[^:\s]+:[^:\s]+)$/;

export const ebpfReceiverSchema = z
  .strictObject({
    agent: z
      .enum(["auto", "otel", "bpftrace"])
      .optional()
      .describe("The agent to run: otel, bpftrace, or auto, which takes otel where it is installed; absent = none."),
    command: z
      .array(z.string().min(1))
      .default([])
      .describe(
        "With `agent` otel or bpftrace the program to run in place of the one on PATH; alone a command of your own that writes `format` to its stdout.",
      ),
    ...streamFields,
    listen: listenSchema,
    sample_rate: z
      .int()
      .min(1)
      .max(99)
      .default(19)
      .describe("Samples a second and CPU: what agents are told to take, and the period of what streams bring."),
    interval: duration("5s")
      .refine((ms) => ms >= 100 && ms <= 600_000, "must be between 100ms and 10m")
      .describe("Time that one profile covers."),
    include: z
      .array(filterSchema)
      .default([])
      .describe("Only processes that match one of these, in all that it says; empty = all."),
    exclude: z.array(filterSchema).default([]).describe("Of these, the processes to leave out."),
    command_line: z
      .boolean()
      .default(false)
      .describe("Add process.command_line; it may hold passwords that were given as arguments."),
    off_cpu_probability: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe(
        "Agent otel: share of off-CPU events that is taken, at random; their values are divided by it. 0 = none.",
      ),
    probes: z
      .array(
        z.string().regex(probe, "must be kprobe:SYMBOL, kretprobe:SYMBOL, uprobe:FILE:SYMBOL or uretprobe:FILE:SYMBOL"),
      )
      .default([])
      .describe(
        "Agent otel: events whose stacks are counted, such as kprobe:tcp_sendmsg or uprobe:/usr/lib/libc.so.6:malloc.",
      ),
    max_stacks: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(65_536)
      .describe("Different stacks that are gathered; with more the profiles go on before their interval is over."),
    proc: z.string().min(1).default("/proc").describe("Where the host's /proc is mounted."),
  })
  .superRefine(({ agent, command, listen, off_cpu_probability, probes }, ctx) => {
    const complain = (message: string, ...path: string[]) => ctx.addIssue({ code: "custom", message, path });
    if (!agent && command.length === 0 && !listen) {
      complain("nothing to do: `agent`, `command` or `listen` must be given");
    }
    if (listen && (agent || command.length > 0)) {
      complain("goes with neither `agent` nor `command`: use a second receiver, ebpf/NAME", "listen");
    }
    if (agent === "auto" && command.length > 0)
      complain("goes with `agent: otel`, `agent: bpftrace` or none", "command");
    if (off_cpu_probability > 0 && agent !== "otel") complain("needs `agent: otel`", "off_cpu_probability");
    if (probes.length > 0 && agent !== "otel") complain("need `agent: otel`", "probes");
  });

export type EbpfReceiverConfig = z.output<typeof ebpfReceiverSchema>;
