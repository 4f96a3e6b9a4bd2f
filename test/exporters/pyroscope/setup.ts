import { pyroscopeSchema } from "../../../exporters/pyroscope/config.js";
import { createSender } from "../../../exporters/pyroscope/send.js";
import type { Settings } from "../../../src/component/factory.js";
import { createHttpClient } from "../../../src/net/http-client.js";
import { Profiles } from "../../../src/pdata/profiles.js";
import type { Fields, Logger } from "../../../src/telemetry/log.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { encodeOtlp } from "../../support/pprof-oracle.js";
import { type DoubleOptions, type PyroscopeDouble, startPyroscopeDouble } from "../../support/pyroscope-double.js";

/** The time at which the tests' profiles were taken. */
export const takenMs = Date.UTC(2026, 10, 22, 12);
const takenNano = String(BigInt(takenMs) * 1_000_000n);

export interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Fields | undefined;
}

export function collectingLogger(lines: Line[]): Logger {
  const at = (level: string) => (message: string, fields?: Fields) => void lines.push({ level, message, fields });
  const log: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), with: () => log };
  return log;
}

export function settingsWith(lines: Line[] = []): Settings {
  return {
    id: "pyroscope",
    kind: "exporter",
    log: collectingLogger(lines),
    metrics: createMetrics(),
    build: { name: "flamepipe", version: "0.0.0" },
  };
}

export interface Rig {
  readonly double: PyroscopeDouble;
  readonly send: ReturnType<typeof createSender>;
  readonly lines: Line[];
  readonly settings: Settings;
  nowMs: number;
}

/** A sender and the Pyroscope it sends to, for as long as `use` runs. */
export async function withRig(
  config: Record<string, unknown>,
  use: (rig: Rig) => Promise<void>,
  options: DoubleOptions = {},
): Promise<void> {
  const lines: Line[] = [];
  const settings = settingsWith(lines);
  const double = await startPyroscopeDouble({ nowMs: () => rig.nowMs, ...options });
  const parsed = pyroscopeSchema.parse({ endpoint: double.url, ...config });
  const client = createHttpClient({ ...parsed, compression: "none" }, settings);
  const send = createSender({ settings, config: parsed, client, nowMs: () => rig.nowMs });
  const rig: Rig = { double, send, lines, settings, nowMs: takenMs };
  try {
    await use(rig);
  } finally {
    await client.close();
    await double.close();
  }
}

export interface ProfileSpec {
  /** "type/unit" */
  readonly type: string;
  readonly period?: string;
  readonly periodValue?: number;
  /** One sample each, on stacks of their own. */
  readonly values: readonly (number | string)[];
  readonly attributes?: Readonly<Record<string, string>>;
  readonly timeUnixNano?: string;
  /** Timestamps of the first sample, instead of its value. */
  readonly timestamps?: readonly string[];
  /** Attributes of every sample. */
  readonly sampleAttributes?: Readonly<Record<string, string | number>>;
  /** An attribute "n" of its own for every sample, of this length. */
  readonly ownAttribute?: number;
  readonly link?: boolean;
}

export interface ResourceSpec {
  readonly attributes: Readonly<Record<string, string>>;
  readonly profiles: readonly ProfileSpec[];
}

/** A batch with these resources, built with protobufjs. */
export function batchOf(resources: readonly ResourceSpec[]): Profiles {
  const strings = [""];
  const known = new Map([["", 0]]);
  const string = (text: string) => {
    const index = known.get(text) ?? strings.push(text) - 1;
    known.set(text, index);
    return index;
  };
  const attributeTable: object[] = [{}];
  const attributeIndices = (attributes: Readonly<Record<string, string | number>> = {}) =>
    Object.entries(attributes).map(([key, value]) => {
      const typed = typeof value === "string" ? { string_value: value } : { int_value: value };
      return attributeTable.push({ key_strindex: string(key), value: typed }) - 1;
    });
  const valueType = (text: string | undefined) => {
    const [type, unit = ""] = (text ?? "").split("/");
    return { type_strindex: string(type), unit_strindex: string(unit) };
  };
  let stacks = 1;
  const profileOf = (spec: ProfileSpec) => {
    stacks = Math.max(stacks, spec.values.length + 1);
    const shared = { attribute_indices: attributeIndices(spec.sampleAttributes), link_index: spec.link ? 1 : 0 };
    return {
      sample_type: valueType(spec.type),
      period_type: valueType(spec.period),
      period: spec.periodValue ?? (spec.period ? 10 : 0),
      time_unix_nano: spec.timeUnixNano ?? takenNano,
      duration_nano: 5_000_000_000,
      attribute_indices: attributeIndices(spec.attributes),
      samples: spec.values.map((value, i) => {
        const own = spec.ownAttribute ? attributeIndices({ n: `${i}`.padEnd(spec.ownAttribute, "x") }) : [];
        const sample = { ...shared, attribute_indices: [...shared.attribute_indices, ...own], stack_index: i + 1 };
        const { timestamps } = spec;
        return timestamps && i === 0 ? { ...sample, timestamps_unix_nano: timestamps } : { ...sample, values: [value] };
      }),
    };
  };
  const resource_profiles = resources.map(({ attributes, profiles }) => ({
    resource: {
      attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: { string_value: value } })),
    },
    scope_profiles: [{ profiles: profiles.map(profileOf) }],
  }));
  const names = Array.from({ length: stacks }, (_, i) => (i === 0 ? 0 : string(`f${i}`)));
  const dictionary = {
    mapping_table: [{}],
    function_table: names.map((name_strindex) => ({ name_strindex })),
    location_table: names.map((_, i) => (i === 0 ? {} : { lines: [{ function_index: i, line: i }] })),
    stack_table: names.map((_, i) => (i === 0 ? {} : { location_indices: [i] })),
    link_table: [{}, { trace_id: Buffer.alloc(16, 0xab), span_id: Buffer.alloc(8, 0xcd) }],
    attribute_table: attributeTable,
    string_table: strings,
  };
  return Profiles.parse(encodeOtlp({ resource_profiles, dictionary }));
}

/** One resource per service name, each with one profile of CPU counts. */
export function services(...names: string[]): Profiles {
  const profiles = [{ type: "samples/count", period: "cpu/nanoseconds", values: [1, 2] }];
  return batchOf(names.map((name) => ({ attributes: { "service.name": name }, profiles })));
}
