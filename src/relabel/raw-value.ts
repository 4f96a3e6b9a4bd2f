/** A YAML value as it was read: scalars keep the text that was written. */
export type RawValue = RawScalar | RawList | RawMap;
export interface RawScalar {
  readonly kind: "scalar";
  readonly type: "string" | "int" | "float" | "bool" | "null";
  /** As written; without quotes and escapes where it was quoted. */
  readonly text: string;
  readonly value: string | bigint | number | boolean | null;
}
export interface RawList {
  readonly kind: "list";
  readonly items: readonly RawValue[];
}
export interface RawMap {
  readonly kind: "map";
  readonly entries: readonly (readonly [key: string, value: RawValue])[];
}

/** Plain values of a configuration (integers as bigint or whole numbers) as a raw value; members that are undefined are left out. */
export function rawFromPlain(plain: unknown): RawValue {
  if (Array.isArray(plain)) return { kind: "list", items: plain.map(rawFromPlain) };
  if (plain !== null && typeof plain === "object") {
    const given = Object.entries(plain).filter(([, value]) => value !== undefined);
    return { kind: "map", entries: given.map(([key, value]) => [key, rawFromPlain(value)] as const) };
  }
  return rawScalar(plain);
}

function rawScalar(plain: unknown): RawScalar {
  const text = String(plain);
  switch (typeof plain) {
    case "string":
      return { kind: "scalar", type: "string", text, value: plain };
    case "boolean":
      return { kind: "scalar", type: "bool", text, value: plain };
    case "bigint":
      return { kind: "scalar", type: "int", text, value: plain };
    case "number":
      return Number.isSafeInteger(plain)
        ? { kind: "scalar", type: "int", text, value: BigInt(plain) }
        : { kind: "scalar", type: "float", text, value: plain };
    default:
      return { kind: "scalar", type: "null", text: "null", value: null };
  }
}
