/**
 * Attribute values, as OTLP's AnyValue. Every value has the same two fields, so that all share one hidden class.
 * Integers are exact 64-bit (bigint).
 */
export type AnyValue =
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "int"; readonly value: bigint }
  | { readonly type: "double"; readonly value: number }
  | { readonly type: "array"; readonly value: readonly AnyValue[] }
  | { readonly type: "map"; readonly value: readonly KeyValue[] }
  | { readonly type: "bytes"; readonly value: Uint8Array }
  | { readonly type: "empty"; readonly value: undefined };

/** One attribute. `unit` is "" but for attributes of profiles, samples, locations and mappings. Lists keep their order; keys may repeat. */
export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
  readonly unit: string;
}

export const emptyValue: AnyValue = Object.freeze({ type: "empty", value: undefined });

export function stringValue(value: string): AnyValue {
  return { type: "string", value };
}

export function intValue(value: bigint): AnyValue {
  return { type: "int", value };
}

export function keyValue(key: string, value: AnyValue, unit = ""): KeyValue {
  return { key, value, unit };
}

/** The first attribute with this key, or undefined. */
export function findAttribute(attributes: readonly KeyValue[], key: string): KeyValue | undefined {
  for (let i = 0; i < attributes.length; i++) if (attributes[i].key === key) return attributes[i];
  return undefined;
}
