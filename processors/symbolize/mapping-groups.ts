import type { Dictionary } from "../../src/pdata/dictionary.js";
import { readStack } from "../../src/pdata/light-reads.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { LOCATION, MAPPING, STACK } from "../../src/pdata/tables.js";
import { Reader } from "../../src/proto/wire.js";
import type { LocationScan } from "./location-scan.js";

/** Native locations of one mapping that came without lines. */
export interface MappingGroup {
  readonly mappingIndex: number;
  /** Indices of the locations. */
  readonly locations: number[];
  /** Their addresses, in the same order. */
  readonly addresses: number[];
}

/** A process whose samples have frames of a mapping. */
export interface ProcessOfMapping {
  readonly pid: number;
  /** Path of its program; "" where it is not known. */
  readonly executable: string;
}

/** Most processes that are remembered for one mapping. */
export const maxProcesses = 128;

/** Locations that may be named, by mapping. */
export function groupByMapping(dictionary: Dictionary, { isUnnamed }: LocationScan): MappingGroup[] {
  const groups: (MappingGroup | undefined)[] = new Array(dictionary.count(MAPPING));
  const isNative = nativeTest(dictionary);
  const reader = Reader.idle();
  for (let index = 1; index < isUnnamed.length; index++) {
    if (isUnnamed[index] === 0) continue;
    dictionary.locate(LOCATION, index);
    reader.reset(dictionary.atBuf, dictionary.atStart, dictionary.atEnd);
    let mappingIndex = 0;
    let address = 0;
    let native = true;
    while (reader.next()) {
      if (reader.field === 1) mappingIndex = reader.int32();
      else if (reader.field === 2) address = (reader.skipVarintHigh() >>> 0) * 4294967296 + (reader.low >>> 0);
      else if (reader.field === 4) {
        const end = reader.length() + reader.pos;
        while (reader.pos < end) native = isNative(reader.int32()) && native;
      } else reader.skip();
    }
    // Past 2^53 there are no addresses of programs, only the kernel's.
    if (mappingIndex === 0 || address === 0 || address > Number.MAX_SAFE_INTEGER || !native) continue;
    const group = groups[mappingIndex] ?? { mappingIndex, locations: [], addresses: [] };
    groups[mappingIndex] = group;
    group.locations.push(index);
    group.addresses.push(address);
  }
  return groups.filter((group) => group !== undefined);
}

/** Whether an attribute lets its location be named: any but a frame type other than `native`. */
function nativeTest(dictionary: Dictionary): (attributeIndex: number) => boolean {
  const known = new Map<number, boolean>();
  return (index) => {
    let isNative = known.get(index);
    if (isNative === undefined) {
      const { key, value } = dictionary.attribute(index);
      isNative = key !== "profile.frame.type" || (value.type === "string" && value.value === "native");
      known.set(index, isNative);
    }
    return isNative;
  };
}

/** Which processes have frames of which mapping: a process' own files are the surest place of its binaries. */
export function processesByMapping(
  profiles: Profiles,
  groups: readonly MappingGroup[],
): Map<number, Map<number, ProcessOfMapping>> {
  const { dictionary } = profiles;
  const found = new Map(groups.map(({ mappingIndex }) => [mappingIndex, new Map<number, ProcessOfMapping>()]));
  const mappingsOf = mappingsByStack(dictionary, groups);
  // The resource that had a stack last, so that a stack of many samples is looked at once per resource.
  const seenBy = new Int32Array(dictionary.count(STACK));
  profiles.resources.forEach((resource, at) => {
    const process = processOf(resource.attributes);
    if (!process) return;
    for (const scope of resource.scopes) {
      for (const profile of scope.profiles) {
        for (const stack of profile.stacks()) {
          if (seenBy[stack] === at + 1) continue;
          seenBy[stack] = at + 1;
          for (const mapping of mappingsOf(stack)) {
            const processes = found.get(mapping);
            if (processes && processes.size < maxProcesses) processes.set(process.pid, process);
          }
        }
      }
    }
  });
  return found;
}

function mappingsByStack(
  dictionary: Dictionary,
  groups: readonly MappingGroup[],
): (stack: number) => readonly number[] {
  const mappingOf = new Int32Array(dictionary.count(LOCATION));
  for (const { mappingIndex, locations } of groups) for (const index of locations) mappingOf[index] = mappingIndex;
  const known: (readonly number[] | undefined)[] = new Array(dictionary.count(STACK));
  const locations: number[] = [];
  return (stack) => {
    const before = known[stack];
    if (before) return before;
    const found: number[] = [];
    const count = readStack(dictionary, stack, locations);
    for (let i = 0; i < count; i++) {
      const mapping = mappingOf[locations[i]];
      if (mapping !== 0 && !found.includes(mapping)) found.push(mapping);
    }
    known[stack] = found;
    return found;
  };
}

type Attributes = Profiles["resources"][number]["attributes"];

function processOf(attributes: Attributes): ProcessOfMapping | undefined {
  let pid = 0;
  let executable = "";
  for (const { key, value } of attributes) {
    if (key === "process.pid" && value.type === "int" && value.value > 0n && value.value < 2n ** 31n) {
      pid = Number(value.value);
    } else if (key === "process.executable.path" && value.type === "string") executable = value.value.slice(0, 4096);
  }
  return pid === 0 ? undefined : { pid, executable };
}
