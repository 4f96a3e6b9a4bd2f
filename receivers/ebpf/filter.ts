import { matchesGlob } from "../../src/files/glob.js";
import type { ProcessFilter } from "./config.js";

/** What filters look at. */
export interface FilterSubject {
  readonly pid: number;
  readonly path: string;
  readonly name: string;
  readonly cgroups: readonly string[];
  readonly containerId: string;
}

/** True if the process is one of those to be profiled. */
export function isWanted(
  subject: FilterSubject,
  include: readonly ProcessFilter[],
  exclude: readonly ProcessFilter[],
): boolean {
  const matches = (filter: ProcessFilter) => matchesAll(subject, filter);
  return (include.length === 0 || include.some(matches)) && !exclude.some(matches);
}

function matchesAll(subject: FilterSubject, { executable, pid, cgroup, container }: ProcessFilter): boolean {
  if (pid !== undefined && pid !== subject.pid) return false;
  if (container !== undefined && !matchesGlob(subject.containerId, container)) return false;
  if (cgroup !== undefined && !subject.cgroups.some((path) => matchesGlob(path, cgroup))) return false;
  if (executable === undefined) return true;
  return matchesGlob(executable.includes("/") ? subject.path : subject.name, executable);
}
