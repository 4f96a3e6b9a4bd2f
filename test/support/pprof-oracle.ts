import { gunzipSync } from "node:zlib";
import { loadProto, otlpTypes } from "../../src/proto/load.js";

/**
 * What pprof bytes, and what a profile of an OTLP request, mean: decoded with protobufjs and spelled out as text, one
 * line per sample. It shares no code with the encoder.
 */
export interface Meaning {
  /** "type/unit" of each value. */
  readonly types: string[];
  readonly period: string;
  readonly time: string;
  readonly duration: string;
  /** Stack, labels and link of a sample, as text, to the sum of its values by type. */
  readonly samples: Map<string, bigint[]>;
  /** Sum by "type/unit". */
  readonly totals: Record<string, bigint>;
}

// biome-ignore lint/suspicious/noExplicitAny: protobufjs objects have the shape of the .proto files
type Any = any;

const options = { longs: String, bytes: Buffer, defaults: true };

function objectOf(typeName: string, files: string[], bytes: Buffer): Any {
  const type = loadProto(...files).lookupType(typeName);
  return type.toObject(type.decode(bytes), options);
}

/** google.v1.Profile as an object; gzip or plain. */
export function decodePprof(bytes: Buffer): Any {
  const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  return objectOf("perftools.profiles.Profile", ["pprof.proto"], plain);
}

/** push.v1.PushRequest as an object. */
export function decodePush(bytes: Buffer): Any {
  return objectOf("push.v1.PushRequest", ["types.proto", "push.proto"], bytes);
}

export function decodeOtlp(bytes: Buffer): Any {
  return otlpTypes().request.toObject(otlpTypes().request.decode(bytes), options);
}

export function encodeOtlp(request: object): Buffer {
  const type = otlpTypes().request;
  return Buffer.from(type.encode(type.fromObject(request)).finish());
}

function add(samples: Map<string, bigint[]>, key: string, values: bigint[]): void {
  const old = samples.get(key);
  samples.set(key, old ? old.map((value, i) => value + values[i]) : values);
}

function totalsOf(types: string[], samples: Map<string, bigint[]>): Record<string, bigint> {
  const totals: Record<string, bigint> = {};
  types.forEach((type, i) => {
    for (const values of samples.values()) totals[type] = (totals[type] ?? 0n) + values[i];
  });
  return totals;
}

/** Throws where an id or a string index points nowhere. */
export function pprofMeaning(bytes: Buffer): Meaning {
  const profile = decodePprof(bytes);
  const text = (index: string): string => {
    const found = profile.string_table[Number(index)];
    if (found === undefined) throw new Error(`string ${index} is missing`);
    return found;
  };
  const byId = (list: Any[]) => {
    const map = new Map<string, Any>(list.map((entry) => [entry.id, entry]));
    if (map.size !== list.length || map.has("0")) throw new Error("an id is 0 or given twice");
    return (id: string, what: string) => {
      const found = map.get(id);
      if (!found) throw new Error(`${what} ${id} is missing`);
      return found;
    };
  };
  const location = byId(profile.location);
  const functionOf = byId(profile.function);
  const mapping = byId(profile.mapping);
  if (profile.string_table[0] !== "") throw new Error("string 0 is not empty");
  const lineText = (line: Any): string => {
    const f = functionOf(line.function_id, "function");
    return [text(f.name), text(f.system_name), text(f.filename), f.start_line, line.line, line.column].join("|");
  };
  const frame = (id: string): string => {
    const l = location(id, "location");
    const m = l.mapping_id === "0" ? undefined : mapping(l.mapping_id, "mapping");
    const where = m ? [text(m.filename), m.memory_start, m.memory_limit, m.file_offset, text(m.build_id)] : [];
    return [l.address, ...where, ...l.line.map(lineText)].join(" ");
  };
  const types = profile.sample_type.map((type: Any) => `${text(type.type)}/${text(type.unit)}`);
  const samples = new Map<string, bigint[]>();
  for (const sample of profile.sample) {
    if (sample.value.length !== types.length) throw new Error("sample value length mismatch");
    const labels = sample.label.map((l: Any) =>
      l.str === "0" ? `${text(l.key)}:${l.num} ${text(l.num_unit)}` : `${text(l.key)}=${text(l.str)}`,
    );
    add(samples, [...sample.location_id.map(frame), "--", ...labels.sort()].join("\n"), sample.value.map(BigInt));
  }
  const { period_type: period } = profile;
  return {
    types,
    period: `${period ? text(period.type) : ""}/${period ? text(period.unit) : ""} ${profile.period}`,
    time: profile.time_nanos,
    duration: profile.duration_nanos,
    samples,
    totals: totalsOf(types, samples),
  };
}

export interface OtlpReading {
  /** Which sample attributes become labels. */
  readonly labels: (key: string) => boolean;
  /** Integers as text, or as numeric labels. */
  readonly integers: "text" | "number";
  readonly scale: bigint;
}

/** A profile of a request that `decodeOtlp` gave. */
export function otlpMeaning(request: Any, profile: Any, reading: OtlpReading): Meaning {
  const d = request.dictionary;
  const s = (index: number): string => d.string_table[index];
  const attributes = (indices: number[]): [string, Any, string][] =>
    indices.map((i) => {
      const a = d.attribute_table[i];
      return [s(a.key_strindex), a.value ?? {}, s(a.unit_strindex)];
    });
  const lineText = (line: Any): string => {
    const f = d.function_table[line.function_index];
    const names = [s(f.name_strindex), s(f.system_name_strindex), s(f.filename_strindex)];
    return [...names, f.start_line, line.line, line.column].join("|");
  };
  const frame = (index: number): string => {
    const l = d.location_table[index];
    const m = l.mapping_index === 0 ? undefined : d.mapping_table[l.mapping_index];
    const build = (mapping: Any) =>
      attributes(mapping.attribute_indices).find(([key]) => key === "process.executable.build_id.gnu")?.[1]
        .string_value;
    const where = m ? [s(m.filename_strindex), m.memory_start, m.memory_limit, m.file_offset, build(m) ?? ""] : [];
    const lines = l.lines.filter((line: Any) => line.function_index !== 0);
    return [l.address, ...where, ...lines.map(lineText)].join(" ");
  };
  const label = ([key, value, unit]: [string, Any, string]): string | undefined => {
    if (!reading.labels(key) || key === "") return undefined;
    if (value.int_value !== undefined) {
      return reading.integers === "text" ? `${key}=${value.int_value}` : `${key}:${value.int_value} ${unit}`;
    }
    const text = value.string_value ?? value.bool_value ?? value.double_value;
    return text === undefined || text === "" ? undefined : `${key}=${text}`;
  };
  const linkTexts = (index: number): string[] => {
    const link = d.link_table[index];
    const said = (id: Buffer) => id.some((byte) => byte !== 0);
    const texts = [];
    if (said(link.span_id)) texts.push(`span_id=${link.span_id.toString("hex")}`);
    if (said(link.trace_id)) texts.push(`trace_id=${link.trace_id.toString("hex")}`);
    return texts;
  };
  const samples = new Map<string, bigint[]>();
  for (const sample of profile.samples) {
    const stack = d.stack_table[sample.stack_index].location_indices.filter((i: number) => i !== 0).map(frame);
    const labels = [
      ...new Set(
        attributes(sample.attribute_indices)
          .map(label)
          .filter((text) => text !== undefined),
      ),
      ...linkTexts(sample.link_index),
    ].sort();
    const sum = sample.values.reduce((total: bigint, value: string) => total + BigInt(value), 0n);
    const value = sample.values.length > 0 ? sum : BigInt(sample.timestamps_unix_nano.length);
    add(samples, [...stack, "--", ...labels].join("\n"), [value * reading.scale]);
  }
  const valueType = (type: Any) => `${s(type?.type_strindex ?? 0)}/${s(type?.unit_strindex ?? 0)}`;
  const types = [valueType(profile.sample_type)];
  return {
    types,
    period: `${valueType(profile.period_type)} ${profile.period}`,
    time: profile.time_unix_nano,
    duration: profile.duration_nano,
    samples,
    totals: totalsOf(types, samples),
  };
}
