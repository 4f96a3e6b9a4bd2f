import type { AnyValue, KeyValue } from "../../src/pdata/any-value.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { encodeRequest } from "./otlp-oracle.js";

/** Batches as plain objects, for tests that say what goes in and what comes out. Integers are bigint. */
export type PlainValue = string | bigint | boolean | number | null | Buffer | readonly PlainValue[];
export type PlainAttributes = Readonly<Record<string, PlainValue>>;

export interface PlainSample {
  attributes?: PlainAttributes;
  /** Distinguishes stacks. */
  stack?: number;
  values?: bigint[];
}
export interface PlainProfile {
  /** "type/unit"; default "samples/count". */
  type?: string;
  period?: string;
  attributes?: PlainAttributes;
  samples?: PlainSample[];
}
export interface PlainScope {
  name?: string;
  version?: string;
  attributes?: PlainAttributes;
  profiles?: PlainProfile[];
}
export interface PlainResource {
  attributes?: PlainAttributes;
  scopes?: PlainScope[];
}

type Entry = Record<string, unknown>;

/** Encodes the batch with the oracle's encoder, and parses it. */
export function profilesOf(resources: readonly PlainResource[]): Profiles {
  const strings = [""];
  const string = (text: string): number => {
    const known = strings.indexOf(text);
    return known >= 0 ? known : strings.push(text) - 1;
  };
  const attributeTable: Entry[] = [{}];
  const indices = (attributes: PlainAttributes = {}): number[] =>
    Object.entries(attributes).map(([key, value]) => {
      return attributeTable.push({ key_strindex: string(key), value: encodeValue(value) }) - 1;
    });
  const valueType = (text: string): Entry => {
    const [type, unit] = text.split("/");
    return { type_strindex: string(type), unit_strindex: string(unit) };
  };
  const stacks: Entry[] = [
    {},
    { location_indices: [1] },
    { location_indices: [1, 1] },
    { location_indices: [1, 1, 1] },
  ];
  const profile = (plain: PlainProfile): Entry => ({
    sample_type: valueType(plain.type ?? "samples/count"),
    period_type: valueType(plain.period ?? "cpu/nanoseconds"),
    attribute_indices: indices(plain.attributes),
    samples: (plain.samples ?? [{}]).map((sample) => ({
      stack_index: sample.stack ?? 1,
      attribute_indices: indices(sample.attributes),
      values: (sample.values ?? [1n]).map(String),
    })),
  });
  const scope = (plain: PlainScope): Entry => ({
    scope: { name: plain.name ?? "", version: plain.version ?? "", attributes: encodeAttributes(plain.attributes) },
    profiles: (plain.profiles ?? [{}]).map(profile),
  });
  const request = {
    resource_profiles: resources.map((plain) => ({
      resource: { attributes: encodeAttributes(plain.attributes) },
      scope_profiles: (plain.scopes ?? [{}]).map(scope),
    })),
    dictionary: {
      mapping_table: [{}],
      location_table: [{}, { address: "4096" }],
      function_table: [{}],
      link_table: [{}],
      string_table: strings,
      attribute_table: attributeTable,
      stack_table: stacks,
    },
  };
  return Profiles.parse(encodeRequest(request));
}

function encodeAttributes(attributes: PlainAttributes = {}): Entry[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: encodeValue(value) }));
}

function encodeValue(value: PlainValue): Entry {
  if (value === null) return {};
  if (typeof value === "string") return { string_value: value };
  if (typeof value === "bigint") return { int_value: String(value) };
  if (typeof value === "boolean") return { bool_value: value };
  if (typeof value === "number") return { double_value: value };
  if (Buffer.isBuffer(value)) return { bytes_value: value };
  return { array_value: { values: (value as readonly PlainValue[]).map(encodeValue) } };
}

/** What would be sent, read back: every member is there, whatever it holds. */
export function plainOf(profiles: Profiles): Required<PlainResource>[] {
  const sent = Profiles.parse(Buffer.concat(profiles.encode()));
  return sent.resources.map((resource) => ({
    attributes: plainAttributes(resource.attributes),
    scopes: resource.scopes.map((scope) => ({
      name: scope.name,
      version: scope.version,
      attributes: plainAttributes(scope.attributes),
      profiles: scope.profiles.map((profile) => ({
        type: `${profile.sampleType.type}/${profile.sampleType.unit}`,
        period: `${profile.periodType.type}/${profile.periodType.unit}`,
        attributes: plainAttributes(profile.attributes),
        samples: plainSamples(profile, sent),
      })),
    })),
  }));
}

function plainSamples(profile: Profiles["resources"][number]["scopes"][number]["profiles"][number], sent: Profiles) {
  const columns = profile.columns();
  return Array.from({ length: columns.length }, (_, row) => ({
    stack: sent.dictionary.stack(columns.stack[row]).length,
    attributes: plainAttributes(
      Array.from(columns.attrSets[columns.attrSet[row]], (index) => sent.dictionary.attribute(index)),
    ),
    values: Array.from(columns.values.subarray(columns.valueStart[row], columns.valueStart[row + 1])),
  }));
}

export function plainAttributes(attributes: readonly KeyValue[]): Record<string, PlainValue> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));
}

function plainValue(value: AnyValue): PlainValue {
  switch (value.type) {
    case "empty":
      return null;
    case "bytes":
      return Buffer.from(value.value);
    case "array":
      return value.value.map(plainValue);
    case "map":
      throw new Error("maps are not for these tests");
    default:
      return value.value;
  }
}
