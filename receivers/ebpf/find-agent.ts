import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Privileges } from "./privileges.js";

export type AgentKind = "otel" | "bpftrace";

export interface FoundAgent {
  readonly kind: AgentKind;
  /** Path, or what was given instead of one. */
  readonly program: string;
  /** Arguments that were given beside it. */
  readonly args: readonly string[];
}

/** Names of each agent's program; the first that is found is taken. */
const programs: Readonly<Record<AgentKind, readonly string[]>> = {
  otel: ["ebpf-profiler", "otelcol-ebpf-profiler"],
  bpftrace: ["bpftrace"],
};

const origins: Readonly<Record<AgentKind, string>> = {
  otel: "it is built from github.com/open-telemetry/opentelemetry-ebpf-profiler, or comes with the OpenTelemetry Collector's releases as otelcol-ebpf-profiler",
  bpftrace: "it comes with the distribution's package bpftrace (apt install bpftrace, dnf install bpftrace)",
};

/** The first executable file of this name in the folders of `path`. */
export function findProgram(name: string, path: string): string | undefined {
  for (const dir of path.split(delimiter)) {
    if (dir === "") continue;
    const file = join(dir, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // The next folder may have it.
    }
  }
  return undefined;
}

function find(kind: AgentKind, path: string): FoundAgent | undefined {
  for (const name of programs[kind]) {
    const program = findProgram(name, path);
    if (program !== undefined) return { kind, program, args: [] };
  }
  return undefined;
}

/**
 * The agent to run; `command` stands in for the program that would be looked for on `path`. Throws an Error that says what
 * is missing and where it comes from.
 */
export function findAgent(wanted: AgentKind | "auto", command: readonly string[], path: string): FoundAgent {
  const kinds: readonly AgentKind[] = wanted === "auto" ? ["otel", "bpftrace"] : [wanted];
  if (command.length > 0 && wanted !== "auto") return { kind: wanted, program: command[0], args: command.slice(1) };
  for (const kind of kinds) {
    const found = find(kind, path);
    if (found) return found;
  }
  const missing = kinds.map((kind) => `${programs[kind].join(" or ")} (${origins[kind]})`);
  throw new Error(`agent ${wanted}: not installed; there is no ${missing.join(", and no ")} on PATH`);
}

/** Throws an Error that says which rights are missing. */
export function checkPrivileges(kind: AgentKind, { isRoot, mayUseBpf }: Privileges): void {
  if (isRoot && mayUseBpf) return;
  // bpftrace looks at the user, whatever it is allowed.
  if (kind === "otel" && mayUseBpf) return;
  const needs = kind === "bpftrace" ? "root" : "root, or CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8)";
  const has = isRoot ? "root without CAP_BPF and CAP_PERFMON" : "neither";
  throw new Error(
    `agent ${kind} needs ${needs}; this process is ${has === "neither" ? "not that" : has}: start it with sudo, or in a container with these capabilities and the host's pid namespace`,
  );
}
