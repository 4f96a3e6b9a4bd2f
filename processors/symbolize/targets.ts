import type { Dictionary } from "../../src/pdata/dictionary.js";
import type { MappedRange } from "../../src/symbols/segments.js";
import { maxProcesses, type ProcessOfMapping } from "./mapping-groups.js";
import type { Target } from "./protocol.js";

/** What a mapping of a batch says of its binary. */
export interface BinaryOfMapping extends Pick<Target, "gnu" | "go" | "htlhash" | "file"> {
  readonly range: MappedRange;
  /** The same text means the same build; "" where the mapping names none. */
  readonly buildKey: string;
}

const maxIdLength = 256;
const maxPathLength = 4096;

export function binaryOf(dictionary: Dictionary, mappingIndex: number): BinaryOfMapping {
  const { memoryStart, memoryLimit, fileOffset, filenameIndex, attributeIndices } = dictionary.mapping(mappingIndex);
  const ids = { gnu: "", go: "", htlhash: "" };
  for (const index of attributeIndices) {
    const { key, value } = dictionary.attribute(index);
    const kind = /^process\.executable\.build_id\.(gnu|go|htlhash)$/.exec(key)?.[1] as keyof typeof ids | undefined;
    if (kind && value.type === "string" && value.value.length <= maxIdLength) ids[kind] = value.value;
  }
  const gnu = ids.gnu.toLowerCase();
  const [kind, id] = gnu !== "" ? ["gnu", gnu] : ids.htlhash !== "" ? ["htlhash", ids.htlhash] : ["go", ids.go];
  return {
    ...ids,
    gnu,
    file: dictionary.string(filenameIndex).slice(0, maxPathLength),
    range: { start: Number(memoryStart), limit: Number(memoryLimit), fileOffset: Number(fileOffset) },
    buildKey: id === "" ? "" : `${kind}:${id}`,
  };
}

/** The binary with this build id, whatever process has it. */
export function targetOfBuild(binary: BinaryOfMapping, processes: Iterable<ProcessOfMapping> = []): Target {
  const all = [...processes];
  const executable = all.find((each) => each.executable !== "")?.executable ?? "";
  return { ...idsOf(binary), key: binary.buildKey, pids: all.map(({ pid }) => pid), executable, startTicks: "" };
}

/**
 * The binaries that a mapping without a build id may stand for: each process may have another one at the same place.
 * `startOf` tells when a process began, so that another one with its id is another target. None where a process is not
 * known, or where there are more of them than are remembered.
 */
export function targetsOfProcesses(
  binary: BinaryOfMapping,
  processes: ReadonlyMap<number, ProcessOfMapping>,
  startOf: (pid: number) => string | undefined,
): Target[] {
  const targets: Target[] = [];
  if (processes.size >= maxProcesses) return targets;
  for (const { pid, executable } of processes.values()) {
    const startTicks = startOf(pid);
    if (startTicks === undefined) return [];
    const key = `pid:${pid}@${startTicks}:${binary.range.start.toString(16)}:${binary.file}`;
    targets.push({ ...idsOf(binary), key, pids: [pid], executable, startTicks });
  }
  return targets;
}

function idsOf({ gnu, go, htlhash, file }: BinaryOfMapping): Pick<Target, "gnu" | "go" | "htlhash" | "file"> {
  return { gnu, go, htlhash, file };
}
