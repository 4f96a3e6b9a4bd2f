import type { DictMapping, Dictionary } from "../../src/pdata/dictionary.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { LOCATION, STACK } from "../../src/pdata/tables.js";
import { Reader } from "../../src/proto/wire.js";
import type { Target } from "./protocol.js";

/** A location that has an address and no lines. */
export interface Unnamed {
  readonly index: number;
  readonly address: bigint;
}

/** Unnamed locations of one mapping. */
export interface MappingGroup {
  readonly mappingIndex: number;
  readonly locations: Unnamed[];
  /** Processes whose samples have such a location. */
  readonly pids: Set<number>;
  executable: string;
}

/** Most processes that are remembered for one mapping. */
const maxPids = 16;
const nativeTypes = new Set(["native", "kernel"]);

/** Locations that may be named, by mapping; empty where all have names. */
export function unnamedByMapping(profiles: Profiles): Map<number, MappingGroup> {
  const { dictionary } = profiles;
  const groups = new Map<number, MappingGroup>();
  const mappingOf = new Int32Array(dictionary.locationCount);
  const isNative = nativeTest(dictionary);
  for (let index = 1; index < mappingOf.length; index++) {
    if (!needsName(dictionary, index)) continue;
    const { mappingIndex, address, attributeIndices } = dictionary.location(index);
    if (mappingIndex === 0 || address === 0n || !attributeIndices.every(isNative)) continue;
    let group = groups.get(mappingIndex);
    if (!group) {
      group = { mappingIndex, locations: [], pids: new Set(), executable: "" };
      groups.set(mappingIndex, group);
    }
    group.locations.push({ index, address });
    mappingOf[index] = mappingIndex;
  }
  if (groups.size > 0) findProcesses(profiles, mappingOf, groups);
  return groups;
}

/** True if a location has a mapping and no lines; nothing is made of it. */
export function needsName(dictionary: Dictionary, index: number): boolean {
  dictionary.locate(LOCATION, index);
  const { atBuf, atStart, atEnd } = dictionary;
  const reader = new Reader(atBuf, atStart, atEnd);
  while (reader.next()) {
    if (reader.field === 3) return false;
    reader.skip();
  }
  return atEnd > atStart;
}

/** Whether a location's attribute lets it be named: any but a frame type of an interpreter or of a runtime of its own. */
function nativeTest(dictionary: Dictionary): (attributeIndex: number) => boolean {
  const known = new Map<number, boolean>();
  return (index) => {
    let isNative = known.get(index);
    if (isNative === undefined) {
      const { key, value } = dictionary.attribute(index);
      isNative = key !== "profile.frame.type" || (value.type === "string" && nativeTypes.has(value.value));
      known.set(index, isNative);
    }
    return isNative;
  };
}

/** Which processes have frames of which mapping: a process' own files are the surest place of its binaries. */
function findProcesses(profiles: Profiles, mappingOf: Int32Array, groups: Map<number, MappingGroup>): void {
  const { dictionary } = profiles;
  const mappings = new Map<number, readonly number[]>();
  const mappingsOf = (stack: number): readonly number[] => {
    let found = mappings.get(stack);
    if (!found) {
      const used = new Set<number>();
      for (const location of dictionary.stack(stack)) if (mappingOf[location] !== 0) used.add(mappingOf[location]);
      found = [...used];
      mappings.set(stack, found);
    }
    return found;
  };
  for (const resource of profiles.resources) {
    const { pid, executable } = processOf(resource.attributes);
    if (pid === 0) continue;
    const seen = new Uint8Array(dictionary.count(STACK));
    for (const scope of resource.scopes) {
      for (const profile of scope.profiles) {
        for (const stack of profile.stacks()) {
          if (seen[stack] === 1) continue;
          seen[stack] = 1;
          for (const mappingIndex of mappingsOf(stack)) {
            const group = groups.get(mappingIndex);
            if (!group || group.pids.size >= maxPids) continue;
            group.pids.add(pid);
            group.executable ||= executable;
          }
        }
      }
    }
  }
}

type Attributes = Profiles["resources"][number]["attributes"];

function processOf(attributes: Attributes): { pid: number; executable: string } {
  let pid = 0;
  let executable = "";
  for (const { key, value } of attributes) {
    if (key === "process.pid" && value.type === "int" && value.value > 0n && value.value < 2n ** 31n) {
      pid = Number(value.value);
    } else if (key === "process.executable.path" && value.type === "string") executable = value.value;
  }
  return { pid, executable };
}

/** Attributes of a mapping that name a build. */
function buildIds(dictionary: Dictionary, mapping: DictMapping): Pick<Target, "gnu" | "go" | "htlhash"> {
  const ids = { gnu: "", go: "", htlhash: "" };
  for (const index of mapping.attributeIndices) {
    const { key, value } = dictionary.attribute(index);
    const kind = /^process\.executable\.build_id\.(gnu|go|htlhash)$/.exec(key)?.[1] as keyof typeof ids | undefined;
    if (kind && value.type === "string" && value.value.length <= 256) ids[kind] = value.value;
  }
  ids.gnu = ids.gnu.toLowerCase();
  return ids;
}

/**
 * The binary of a mapping. With a build id it is one whatever process has it; without, each process may have another one
 * at the same place.
 */
export function targetsOf(dictionary: Dictionary, group: MappingGroup, withoutBuildId: boolean): Target[] {
  const mapping = dictionary.mapping(group.mappingIndex);
  const ids = buildIds(dictionary, mapping);
  const file = dictionary.string(mapping.filenameIndex).slice(0, 4096);
  const pids = [...group.pids];
  const rest = { ...ids, file, executable: group.executable };
  const id = ids.gnu !== "" ? `gnu:${ids.gnu}` : ids.htlhash !== "" ? `htlhash:${ids.htlhash}` : ids.go && `go:${ids.go}`;
  if (id !== "") return [{ key: id, pids, ...rest }];
  if (!withoutBuildId || pids.length >= maxPids) return [];
  return pids.map((pid) => ({ key: `pid:${pid}:${mapping.memoryStart.toString(16)}:${file}`, pids: [pid], ...rest }));
}
