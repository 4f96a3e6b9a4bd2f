import { findAttribute } from "../../src/pdata/any-value.js";
import type { SampleColumns } from "../../src/pdata/columns.js";
import type { Profile, Profiles, ResourceProfiles } from "../../src/pdata/profiles.js";
import { createFrames, type Frames, printable } from "./frames.js";

/** What one interval may hold; what comes beyond is summed, but not told apart. */
export interface HotLimits {
  readonly maxTables: number;
  readonly maxFunctions: number;
}

export const defaultLimits: HotLimits = { maxTables: 200, maxFunctions: 20_000 };

export interface FunctionRow {
  readonly name: string;
  self: number;
  total: number;
}

/** One service and one sample type. */
export interface HotTable {
  readonly service: string;
  readonly type: string;
  readonly unit: string;
  readonly functions: ReadonlyMap<string, FunctionRow>;
  /** Sum of all values. */
  readonly sum: number;
  /** Sum of values x period, in nanoseconds of CPU; 0 where the values aren't counts of CPU samples. */
  readonly cpuNanos: number;
  /** Sum of the values whose innermost function found no room. */
  readonly cutSelf: number;
}

export interface HotReport {
  readonly tables: readonly HotTable[];
  /** Samples of services and types that found no room for a table. */
  readonly samplesCut: number;
}

/** Sums values per function over an interval. */
export interface HotFunctions {
  add(profiles: Profiles): void;
  /** What came since the last call, services in order of arrival; starts anew. */
  take(): HotReport;
}

interface Table extends HotTable {
  readonly functions: Map<string, FunctionRow>;
  sum: number;
  cpuNanos: number;
  cutSelf: number;
}

/** By place of a name: the table in which it was looked for last, and its row there; undefined where it found no room. */
interface Rows {
  readonly tables: Table[];
  readonly found: (FunctionRow | undefined)[];
}

export function createHotFunctions(limits: HotLimits = defaultLimits): HotFunctions {
  let tables = new Map<string, Table>();
  let functionCount = 0;
  let samplesCut = 0;

  function tableFor(service: string, profile: Profile): Table | undefined {
    const { type, unit } = profile.sampleType;
    const key = `${service}\n${type}\n${unit}`;
    let table = tables.get(key);
    if (!table && tables.size < limits.maxTables) {
      const names = { service, type: printable(type), unit: printable(unit) };
      table = { ...names, functions: new Map(), sum: 0, cpuNanos: 0, cutSelf: 0 };
      tables.set(key, table);
    }
    return table;
  }

  function rowFor(table: Table, name: string): FunctionRow | undefined {
    let row = table.functions.get(name);
    if (!row && functionCount < limits.maxFunctions) {
      row = { name, self: 0, total: 0 };
      table.functions.set(name, row);
      functionCount += 1;
    }
    return row;
  }

  function addStack(table: Table, { names, places }: Frames, rows: Rows, count: number, value: number): void {
    table.sum += value;
    for (let i = 0; i < count; i++) {
      const place = places[i];
      if (rows.tables[place] !== table) {
        rows.tables[place] = table;
        rows.found[place] = rowFor(table, names[place]);
      }
      const row = rows.found[place];
      if (row) row.total += value;
      if (i > 0) continue;
      if (row) row.self += value;
      else table.cutSelf += value;
    }
  }

  function addProfile(service: string, profile: Profile, frames: Frames, rows: Rows): void {
    const table = tableFor(service, profile);
    if (!table) {
      samplesCut += profile.sampleCount;
      return;
    }
    const before = table.sum;
    const columns = profile.columns();
    if (columns.length === 1) addStack(table, frames, rows, frames.read(columns.stack[0]), sampleValue(columns, 0));
    else for (const [stack, value] of sumByStack(columns)) addStack(table, frames, rows, frames.read(stack), value);
    table.cpuNanos += (table.sum - before) * cpuNanosPerSample(profile);
  }

  return {
    add(profiles) {
      const frames = createFrames(profiles.dictionary);
      const rows: Rows = { tables: [], found: [] };
      for (const resource of profiles.resources) {
        const service = serviceOf(resource);
        for (const scope of resource.scopes) {
          for (const profile of scope.profiles) addProfile(service, profile, frames, rows);
        }
      }
    },
    take() {
      const report = { tables: [...tables.values()], samplesCut };
      tables = new Map();
      functionCount = 0;
      samplesCut = 0;
      return report;
    },
  };
}

function sumByStack(columns: SampleColumns): Map<number, number> {
  const sums = new Map<number, number>();
  const { stack } = columns;
  for (let row = 0; row < columns.length; row++) {
    sums.set(stack[row], (sums.get(stack[row]) ?? 0) + sampleValue(columns, row));
  }
  return sums;
}

/** A sample without values counts one for each of its timestamps. Sums are for display: doubles will do. */
function sampleValue({ valueStart, values, timestampStart }: SampleColumns, row: number): number {
  let value = 0;
  const first = valueStart[row];
  const end = valueStart[row + 1];
  if (first === end) value = timestampStart[row + 1] - timestampStart[row];
  for (let i = first; i < end; i++) value += Number(values[i]);
  return value;
}

function cpuNanosPerSample(profile: Profile): number {
  const { type, unit } = profile.sampleType;
  const period = profile.periodType;
  const counted = type === "samples" && unit === "count" && period.type === "cpu" && period.unit === "nanoseconds";
  return counted && profile.period > 0n ? Number(profile.period) : 0;
}

/** service.name, or what the OpenTelemetry conventions put in its place. */
function serviceOf(resource: ResourceProfiles): string {
  const name = textOf(resource, "service.name");
  if (name !== "") return printable(name);
  const executable = textOf(resource, "process.executable.name");
  return executable === "" ? "unknown_service" : `unknown_service:${printable(executable)}`;
}

function textOf(resource: ResourceProfiles, key: string): string {
  const value = findAttribute(resource.attributes, key)?.value;
  return value?.type === "string" ? value.value : "";
}
