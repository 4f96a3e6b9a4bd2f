import { isUtf8 } from "node:buffer";
import type protobuf from "protobufjs";
import { loadProto, otlpTypes } from "../../src/proto/load.js";

/**
 * What a request means, found out the slow way: protobufjs decodes it with our .proto files, and every reference, zero
 * entry and string is checked on the objects. It shares no code with the scanner.
 */
export type Oracle = { ok: true; request: Request } | { ok: false; reason: string };

// biome-ignore lint/suspicious/noExplicitAny: protobufjs objects have the shape of the .proto files
type Any = any;
export type Request = Any;

const tables = [
  "mapping_table",
  "location_table",
  "function_table",
  "link_table",
  "string_table",
  "attribute_table",
  "stack_table",
] as const;

/** Decodes and judges; a refusal has a reason. */
export function judge(bytes: Buffer): Oracle {
  let request: Request;
  try {
    checkText(bytes, otlpTypes().request);
    request = otlpTypes().request.decode(bytes);
  } catch (caught) {
    return { ok: false, reason: String(caught) };
  }
  const reason = checkIndices(request) ?? checkZeroEntries(request) ?? checkIds(request);
  return reason ? { ok: false, reason } : { ok: true, request };
}

/** Wire types, lengths, varints and UTF-8, field by field, driven by the .proto types. */
export function checkText(bytes: Buffer, type: protobuf.Type): void {
  let pos = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let i = 0; i < 10; i++) {
      if (pos >= bytes.length) throw new Error("truncated varint");
      const byte = bytes[pos++];
      if (i === 9 && byte > 1) throw new Error("varint past 64 bits");
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return value;
    }
    throw new Error("varint too long");
  };
  while (pos < bytes.length) {
    const tag = varint();
    if (tag > 0xffffffffn || tag < 8n) throw new Error("bad tag");
    const field = type.fieldsById[Number(tag >> 3n)];
    const wireType = Number(tag & 7n);
    if (field && !allowed(field, wireType)) throw new Error(`wire type ${wireType} for ${field.fullName}`);
    if (wireType === 0) varint();
    else if (wireType === 1 || wireType === 5) {
      pos += wireType === 1 ? 8 : 4;
      if (pos > bytes.length) throw new Error("truncated fixed");
    } else if (wireType === 2) {
      const length = varint();
      if (length > BigInt(bytes.length - pos)) throw new Error("length past the end");
      const content = bytes.subarray(pos, pos + Number(length));
      pos += Number(length);
      if (field) checkContent(content, field);
    } else throw new Error("group or unknown wire type");
  }
}

function allowed(field: protobuf.Field, wireType: number): boolean {
  const own =
    field.resolvedType || ["string", "bytes"].includes(field.type)
      ? 2
      : ["fixed64", "double"].includes(field.type)
        ? 1
        : 0;
  return wireType === own || (field.repeated && own !== 2 && wireType === 2);
}

function checkContent(content: Buffer, field: protobuf.Field): void {
  if (field.resolvedType) checkText(content, field.resolvedType as protobuf.Type);
  else if (field.type === "string") {
    if (!isUtf8(content)) throw new Error(`${field.fullName} is not UTF-8`);
  } else if (field.type === "fixed64") {
    if (content.length % 8 !== 0) throw new Error("packed fixed64 of odd length");
  } else if (field.type !== "bytes") {
    let run = 0;
    for (const byte of content) {
      if (byte < 0x80) {
        if (run === 9 && byte > 1) throw new Error("packed varint past 64 bits");
        run = 0;
      } else if (++run > 9) throw new Error("packed varint too long");
    }
    if (run > 0) throw new Error("packed list cut");
  }
}

function checkIndices(request: Request): string | undefined {
  const dictionary = request.dictionary ?? {};
  const size = (table: string): number => Math.max(dictionary[table]?.length ?? 0, 1);
  const bad: string[] = [];
  const check = (index: number | undefined, table: string, what: string): void => {
    const value = index ?? 0;
    if (value < 0 || value >= size(table)) bad.push(`${what} ${value}`);
  };
  const all = (list: number[] | undefined, table: string, what: string): void => {
    for (const index of list ?? []) check(index, table, what);
  };
  const value = (any: Any): void => {
    if (!any) return;
    if (
      any.string_value_strindex !== undefined &&
      any.string_value_strindex !== null &&
      any.value === "string_value_strindex"
    ) {
      check(any.string_value_strindex, "string_table", "value reference");
    }
    for (const element of any.array_value?.values ?? []) value(element);
    for (const entry of any.kvlist_value?.values ?? []) keyValue(entry);
  };
  const keyValue = (entry: Any): void => {
    check(entry.key_strindex, "string_table", "key reference");
    value(entry.value);
  };
  for (const f of dictionary.function_table ?? []) {
    check(f.name_strindex, "string_table", "function name");
    check(f.system_name_strindex, "string_table", "function system name");
    check(f.filename_strindex, "string_table", "function file");
  }
  for (const m of dictionary.mapping_table ?? []) {
    check(m.filename_strindex, "string_table", "mapping file");
    all(m.attribute_indices, "attribute_table", "mapping attribute");
  }
  for (const a of dictionary.attribute_table ?? []) {
    check(a.key_strindex, "string_table", "attribute key");
    check(a.unit_strindex, "string_table", "attribute unit");
    value(a.value);
  }
  for (const l of dictionary.location_table ?? []) {
    check(l.mapping_index, "mapping_table", "mapping");
    all(l.attribute_indices, "attribute_table", "location attribute");
    for (const line of l.lines ?? []) check(line.function_index, "function_table", "function");
  }
  for (const s of dictionary.stack_table ?? []) all(s.location_indices, "location_table", "location");
  for (const resource of request.resource_profiles ?? []) {
    for (const entry of resource.resource?.attributes ?? []) keyValue(entry);
    for (const scope of resource.scope_profiles ?? []) {
      for (const entry of scope.scope?.attributes ?? []) keyValue(entry);
      for (const profile of scope.profiles ?? []) {
        for (const type of [profile.sample_type, profile.period_type]) {
          check(type?.type_strindex, "string_table", "type");
          check(type?.unit_strindex, "string_table", "unit");
        }
        all(profile.attribute_indices, "attribute_table", "profile attribute");
        for (const sample of profile.samples ?? []) {
          check(sample.stack_index, "stack_table", "stack");
          check(sample.link_index, "link_table", "link");
          all(sample.attribute_indices, "attribute_table", "sample attribute");
          const values = sample.values?.length ?? 0;
          const stamps = sample.timestamps_unix_nano?.length ?? 0;
          if (values && stamps && values !== stamps) bad.push("values and timestamps differ in number");
          if (!values && !stamps) bad.push("neither values nor timestamps");
        }
      }
    }
  }
  return bad[0];
}

function checkZeroEntries(request: Request): string | undefined {
  for (const table of tables) {
    const entry = request.dictionary?.[table]?.[0];
    if (entry !== undefined && !isZero(entry)) return `${table}[0] is not zero`;
  }
  return undefined;
}

function checkIds(request: Request): string | undefined {
  const legal = (id: Uint8Array | undefined, bytes: number): boolean => !id || id.length === 0 || id.length === bytes;
  for (const link of request.dictionary?.link_table ?? []) {
    if (!legal(link.trace_id, 16) || !legal(link.span_id, 8)) return "a link's id of another length";
  }
  for (const resource of request.resource_profiles ?? []) {
    for (const scope of resource.scope_profiles ?? []) {
      for (const profile of scope.profiles ?? [])
        if (!legal(profile.profile_id, 16)) return "profile_id of another length";
    }
  }
  return undefined;
}

function isZero(entry: Any): boolean {
  if (entry === null || entry === undefined || entry === "" || entry === 0) return true;
  if (typeof entry === "object" && "low" in entry && "high" in entry) return entry.low === 0 && entry.high === 0;
  if (Buffer.isBuffer(entry) || entry instanceof Uint8Array) return entry.every((byte) => byte === 0);
  if (Array.isArray(entry)) return entry.length === 0;
  if (typeof entry !== "object") return false;
  if (entry.constructor?.name === "AnyValue" || "string_value" in entry) return Object.keys(entry).length === 0;
  return Object.keys(entry).every((key) => isZero(entry[key]));
}

/** Encodes a plain object as a request. */
export function encodeRequest(request: object): Buffer {
  const { request: type } = otlpTypes();
  return Buffer.from(type.encode(type.fromObject(request)).finish());
}

/** The AnyValue of an object, in a comparable form. */
export function valueText(any: Any, strings: readonly string[]): string {
  if (!any) return "empty";
  const member = any.value as string | undefined;
  switch (member) {
    case undefined:
      return "empty";
    case "string_value_strindex":
      return `string_value:${JSON.stringify(strings[any.string_value_strindex] ?? "")}`;
    case "array_value":
      return `[${(any.array_value.values ?? []).map((v: Any) => valueText(v, strings)).join(",")}]`;
    case "kvlist_value":
      return `{${(any.kvlist_value.values ?? []).map((v: Any) => keyValueText(v, strings)).join(",")}}`;
    case "bytes_value":
      return `bytes:${Buffer.from(any.bytes_value).toString("hex")}`;
    case "double_value":
      return `double:${Object.is(any.double_value, -0) ? "-0" : any.double_value}`;
    case "bool_value":
      return `bool:${any.bool_value}`;
    default:
      return `${member}:${typeof any[member] === "string" ? JSON.stringify(any[member]) : any[member]}`;
  }
}

function keyValueText(entry: Any, strings: readonly string[]): string {
  const key = entry.key_strindex ? strings[entry.key_strindex] : entry.key;
  return `${JSON.stringify(key ?? "")}=${valueText(entry.value, strings)}`;
}

/** Meaning -> what it amounts to. Two batches of requests mean the same if their maps are equal. */
export type Meaning = Map<string, { events: bigint; values: bigint; stamps: string[] }>;

/** Adds a decoded request to `out`. Profiles and resources without samples leave an entry of their own. */
export function addMeaning(request: Request, out: Meaning, options: { ignoreId?: boolean } = {}): Meaning {
  const meaning = new Flattener(request, options.ignoreId === true);
  meaning.flatten(out);
  return out;
}

class Flattener {
  private readonly dictionary: Any;
  private readonly strings: string[];
  private readonly request: Request;
  private readonly ignoreId: boolean;

  constructor(request: Request, ignoreId: boolean) {
    this.request = request;
    this.ignoreId = ignoreId;
    this.dictionary = request.dictionary ?? {};
    this.strings = this.dictionary.string_table ?? [];
  }

  private string(index: number | undefined): string {
    return this.strings[index ?? 0] ?? "";
  }

  private attributes(list: number[] | undefined): string {
    const texts = (list ?? []).map((index) => {
      const entry = this.dictionary.attribute_table[index];
      return `${this.string(entry.key_strindex)}=${valueText(entry.value, this.strings)} ${this.string(entry.unit_strindex)}`;
    });
    return [...new Set(texts)].sort().join(";");
  }

  private inline(list: Any[] | undefined): string {
    return (list ?? [])
      .map((entry) => keyValueText(entry, this.strings))
      .sort()
      .join(";");
  }

  private location(index: number): string {
    const l = this.dictionary.location_table?.[index] ?? {};
    const m = l.mapping_index ? this.dictionary.mapping_table[l.mapping_index] : undefined;
    const mapping = m
      ? `${this.string(m.filename_strindex)} ${m.memory_start}-${m.memory_limit}+${m.file_offset} ${this.attributes(m.attribute_indices)}`
      : "";
    const lines = (l.lines ?? []).map((line: Any) => {
      const f = this.dictionary.function_table?.[line.function_index ?? 0] ?? {};
      const names = [f.name_strindex, f.system_name_strindex, f.filename_strindex].map((i) => this.string(i));
      return `${names.join("|")}:${f.start_line ?? 0}:${line.line ?? 0}:${line.column ?? 0}`;
    });
    return `@${l.address ?? 0}{${mapping}}(${lines.join(",")})[${this.attributes(l.attribute_indices)}]`;
  }

  private link(index: number | undefined): string {
    const l = index ? this.dictionary.link_table[index] : {};
    const id = `${Buffer.from(l.trace_id ?? []).toString("hex")}/${Buffer.from(l.span_id ?? []).toString("hex")}`;
    return /^0*\/0*$/.test(id) ? "" : id;
  }

  private type(type: Any): string {
    return `${this.string(type?.type_strindex)}/${this.string(type?.unit_strindex)}`;
  }

  flatten(out: Meaning): void {
    for (const rp of this.request.resource_profiles ?? []) {
      const entities = JSON.stringify(rp.resource?.entity_refs ?? []);
      const resource = `R ${this.inline(rp.resource?.attributes)} dropped ${rp.resource?.dropped_attributes_count ?? 0} ${entities} ${rp.schema_url ?? ""}`;
      add(out, resource);
      for (const sp of rp.scope_profiles ?? []) {
        const s = sp.scope ?? {};
        const scope = `${resource} S ${s.name ?? ""} ${s.version ?? ""} ${this.inline(s.attributes)} dropped ${s.dropped_attributes_count ?? 0} ${sp.schema_url ?? ""}`;
        add(out, scope);
        for (const profile of sp.profiles ?? []) this.profile(profile, scope, out);
      }
    }
  }

  private profile(p: Any, scope: string, out: Meaning): void {
    const id = this.ignoreId ? "" : Buffer.from(p.profile_id ?? []).toString("hex");
    const payload = `${p.original_payload_format ?? ""} ${Buffer.from(p.original_payload ?? []).toString("hex")}`;
    const head = `${scope} P ${/^0*$/.test(id) ? "" : id} ${p.time_unix_nano ?? 0}+${p.duration_nano ?? 0} ${this.type(p.sample_type)} ${this.type(p.period_type)} ${p.period ?? 0} dropped ${p.dropped_attributes_count ?? 0} ${payload} ${this.attributes(p.attribute_indices)}`;
    add(out, head);
    for (const sample of p.samples ?? []) {
      const stack = (this.dictionary.stack_table?.[sample.stack_index ?? 0]?.location_indices ?? []).map((i: number) =>
        this.location(i),
      );
      const shape = `${sample.values?.length ? "v" : ""}${sample.timestamps_unix_nano?.length ? "t" : ""}`;
      const key = `${head} ${shape} ${this.attributes(sample.attribute_indices)} ${this.link(sample.link_index)} ${stack.join(" < ")}`;
      const tally = add(out, key);
      const values = (sample.values ?? []).map((v: Any) => BigInt(v.toString()));
      const stamps = (sample.timestamps_unix_nano ?? []).map((t: Any, i: number) =>
        values.length ? `${t}:${values[i]}` : `${t}`,
      );
      for (const value of values) tally.values += value;
      tally.events += values.length ? values.reduce((a: bigint, b: bigint) => a + b, 0n) : BigInt(stamps.length);
      tally.stamps.push(...stamps);
      tally.stamps.sort();
    }
  }
}

function add(out: Meaning, key: string): { events: bigint; values: bigint; stamps: string[] } {
  let tally = out.get(key);
  if (!tally) {
    tally = { events: 0n, values: 0n, stamps: [] };
    out.set(key, tally);
  }
  return tally;
}

/** The meaning of requests, decoded and judged; throws where one is refused. */
export function meaningOf(requests: readonly Buffer[], options: { ignoreId?: boolean } = {}): Meaning {
  const out: Meaning = new Map();
  for (const bytes of requests) {
    const verdict = judge(bytes);
    if (!verdict.ok) throw new Error(verdict.reason);
    addMeaning(verdict.request, out, options);
  }
  return out;
}

export { loadProto };
