import { readProcFile } from "../../src/proc/proc-files.js";

const CAP_SYS_ADMIN = 21n;
const CAP_PERFMON = 38n;
const CAP_BPF = 39n;

/** What a process may do. */
export interface Privileges {
  readonly isRoot: boolean;
  readonly mayUseBpf: boolean;
}

/** `status`: text of /proc/self/status. */
export function parsePrivileges(status: string): Privileges {
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1];
  const capabilities = BigInt(`0x${/^CapEff:\s+([0-9a-f]{1,16})$/m.exec(status)?.[1] ?? "0"}`);
  const has = (bit: bigint) => ((capabilities >> bit) & 1n) === 1n;
  return { isRoot: uid === "0", mayUseBpf: has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON)) };
}

export function ownPrivileges(): Privileges {
  return parsePrivileges(readProcFile("/proc/self/status", 64 * 1024) ?? "");
}
