/**
 * The messages of a profiles request as data: what the slow path (normalize), the OTLP/JSON codec and the older wire
 * layouts are driven by. Field numbers are those of protocol 1.10 and later, unless a layout says otherwise.
 */
export type Kind = "varint" | "fixed64" | "string" | "bytes" | "message";

export interface Field {
  /** Number in the current layout: what is written. */
  readonly number: number;
  readonly name: string;
  readonly kind: Kind;
  readonly repeated: boolean;
  /** Name of the message's shape, for kind "message". */
  readonly shape: string;
  /** How OTLP/JSON writes it. */
  readonly json: "int32" | "uint32" | "int64" | "uint64" | "bool" | "double" | "string" | "base64" | "hex" | "message";
}

export interface Shape {
  readonly name: string;
  /** True for AnyValue: at most one member is set, the last one counts. */
  readonly oneof: boolean;
  readonly fields: ReadonlyMap<number, Field>;
}

type Row = readonly [number: number, name: string, type: string];

function field(number: number, name: string, type: string): Field {
  const repeated = type.startsWith("repeated ");
  const plain = repeated ? type.slice(9) : type;
  const kinds: Record<string, [Kind, Field["json"]]> = {
    int32: ["varint", "int32"],
    uint32: ["varint", "uint32"],
    int64: ["varint", "int64"],
    uint64: ["varint", "uint64"],
    bool: ["varint", "bool"],
    fixed64: ["fixed64", "uint64"],
    double: ["fixed64", "double"],
    string: ["string", "string"],
    bytes: ["bytes", "base64"],
    id: ["bytes", "hex"],
  };
  const [kind, json] = kinds[plain] ?? ["message", "message"];
  return { number, name, kind, repeated, shape: kind === "message" ? plain : "", json };
}

function shape(name: string, rows: readonly Row[], oneof = false): Shape {
  return { name, oneof, fields: new Map(rows.map(([number, label, type]) => [number, field(number, label, type)])) };
}

const sampleRows: readonly Row[] = [
  [1, "stack_index", "int32"],
  [2, "attribute_indices", "repeated int32"],
  [3, "link_index", "int32"],
  [4, "values", "repeated int64"],
  [5, "timestamps_unix_nano", "repeated fixed64"],
];

const profileRows: readonly Row[] = [
  [1, "sample_type", "ValueType"],
  [2, "samples", "repeated Sample"],
  [3, "time_unix_nano", "fixed64"],
  [4, "duration_nano", "uint64"],
  [5, "period_type", "ValueType"],
  [6, "period", "int64"],
  [7, "profile_id", "id"],
  [8, "dropped_attributes_count", "uint32"],
  [9, "original_payload_format", "string"],
  [10, "original_payload", "bytes"],
  [11, "attribute_indices", "repeated int32"],
];

const list: readonly Shape[] = [
  shape("ExportProfilesServiceRequest", [
    [1, "resource_profiles", "repeated ResourceProfiles"],
    [2, "dictionary", "ProfilesDictionary"],
  ]),
  shape("ProfilesDictionary", [
    [1, "mapping_table", "repeated Mapping"],
    [2, "location_table", "repeated Location"],
    [3, "function_table", "repeated Function"],
    [4, "link_table", "repeated Link"],
    [5, "string_table", "repeated string"],
    [6, "attribute_table", "repeated KeyValueAndUnit"],
    [7, "stack_table", "repeated Stack"],
  ]),
  shape("ResourceProfiles", [
    [1, "resource", "Resource"],
    [2, "scope_profiles", "repeated ScopeProfiles"],
    [3, "schema_url", "string"],
  ]),
  shape("ScopeProfiles", [
    [1, "scope", "InstrumentationScope"],
    [2, "profiles", "repeated Profile"],
    [3, "schema_url", "string"],
  ]),
  shape("Profile", profileRows),
  shape("Sample", sampleRows),
  shape("ValueType", [
    [1, "type_strindex", "int32"],
    [2, "unit_strindex", "int32"],
  ]),
  shape("Stack", [[1, "location_indices", "repeated int32"]]),
  shape("Location", [
    [1, "mapping_index", "int32"],
    [2, "address", "uint64"],
    [3, "lines", "repeated Line"],
    [4, "attribute_indices", "repeated int32"],
  ]),
  shape("Line", [
    [1, "function_index", "int32"],
    [2, "line", "int64"],
    [3, "column", "int64"],
  ]),
  shape("Function", [
    [1, "name_strindex", "int32"],
    [2, "system_name_strindex", "int32"],
    [3, "filename_strindex", "int32"],
    [4, "start_line", "int64"],
  ]),
  shape("Mapping", [
    [1, "memory_start", "uint64"],
    [2, "memory_limit", "uint64"],
    [3, "file_offset", "uint64"],
    [4, "filename_strindex", "int32"],
    [5, "attribute_indices", "repeated int32"],
  ]),
  shape("Link", [
    [1, "trace_id", "id"],
    [2, "span_id", "id"],
  ]),
  shape("KeyValueAndUnit", [
    [1, "key_strindex", "int32"],
    [2, "value", "AnyValue"],
    [3, "unit_strindex", "int32"],
  ]),
  shape("Resource", [
    [1, "attributes", "repeated KeyValue"],
    [2, "dropped_attributes_count", "uint32"],
    [3, "entity_refs", "repeated EntityRef"],
  ]),
  shape("EntityRef", [
    [1, "schema_url", "string"],
    [2, "type", "string"],
    [3, "id_keys", "repeated string"],
    [4, "description_keys", "repeated string"],
  ]),
  shape("InstrumentationScope", [
    [1, "name", "string"],
    [2, "version", "string"],
    [3, "attributes", "repeated KeyValue"],
    [4, "dropped_attributes_count", "uint32"],
  ]),
  shape("KeyValue", [
    [1, "key", "string"],
    [2, "value", "AnyValue"],
    [3, "key_strindex", "int32"],
  ]),
  shape(
    "AnyValue",
    [
      [1, "string_value", "string"],
      [2, "bool_value", "bool"],
      [3, "int_value", "int64"],
      [4, "double_value", "double"],
      [5, "array_value", "ArrayValue"],
      [6, "kvlist_value", "KeyValueList"],
      [7, "bytes_value", "bytes"],
      [8, "string_value_strindex", "int32"],
    ],
    true,
  ),
  shape("ArrayValue", [[1, "values", "repeated AnyValue"]]),
  shape("KeyValueList", [[1, "values", "repeated KeyValue"]]),
];

/** Shapes of the current layout, by message name. */
export const shapes: ReadonlyMap<string, Shape> = new Map(list.map((entry) => [entry.name, entry]));

/** The wire layouts that are understood, newest first. Senders of all of them use the same package name. */
export type Layout = "1.10" | "1.9" | "1.8";

/** A shape whose fields stand at other numbers on the wire: [number there, number in the current layout]. */
function renumbered(name: string, rows: readonly Row[], moves: readonly (readonly [number, number])[]): Shape {
  const current = shape(name, rows);
  const fields = new Map<number, Field>();
  for (const [there, here] of moves) {
    const known = current.fields.get(here);
    if (known) fields.set(there, known);
  }
  return { name, oneof: false, fields };
}

const oldSample = renumbered("Sample", sampleRows, [
  [1, 1],
  [2, 4],
  [3, 2],
  [4, 3],
  [5, 5],
]);

/** Protocol 1.8: seven was comment_strindices, and everything behind it stood one higher. */
const profile18 = renumbered(
  "Profile",
  [...profileRows, [1000, "comment_strindices", "repeated int32"]],
  [
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 4],
    [5, 5],
    [6, 6],
    [7, 1000],
    [8, 7],
    [9, 8],
    [10, 9],
    [11, 10],
    [12, 11],
  ],
);

/** Field that carries protocol 1.8's comments through the translation; it is never written. */
export const commentField = 1000;

/** Per layout, the shapes that differ from the current ones. */
export const layouts: ReadonlyMap<Layout, ReadonlyMap<string, Shape>> = new Map([
  ["1.10", new Map<string, Shape>()],
  ["1.9", new Map([["Sample", oldSample]])],
  [
    "1.8",
    new Map([
      ["Sample", oldSample],
      ["Profile", profile18],
    ]),
  ],
]);
