import { createHash } from "node:crypto";
import { type AnyValue, findAttribute, type KeyValue, keyValue, stringValue } from "../pdata/any-value.js";
import type { AttributeAction, DeleteAction, ExtractAction, HashAction, PutAction } from "./action.js";
import { convertValue } from "./convert.js";

/** What `from_context` can name. */
export interface ContextValues {
  /** Values of a header or gRPC metadata key; undefined or empty if it is not there. */
  metadata(key: string): readonly string[] | undefined;
  /** An attribute of the authenticated caller. */
  auth(name: string): string | undefined;
  /** The caller's address without a port, "" if unknown. */
  readonly address: string;
}

export const noContextValues: ContextValues = { metadata: () => undefined, auth: () => undefined, address: "" };

/**
 * Applies the actions in order. Returns the same list if nothing changed; never edits it. Where a key occurs twice, the
 * first one is meant. Changed attributes keep their place and unit, new ones go last and have no unit.
 */
export function applyAttributeActions(
  actions: readonly AttributeAction[],
  attributes: readonly KeyValue[],
  context: ContextValues = noContextValues,
): readonly KeyValue[] {
  let list = attributes;
  for (const action of actions) list = applyAttributeAction(action, list, context);
  return list;
}

/** Applies one action; see applyAttributeActions. */
export function applyAttributeAction(
  action: AttributeAction,
  attributes: readonly KeyValue[],
  context: ContextValues,
): readonly KeyValue[] {
  switch (action.action) {
    case "insert":
    case "update":
    case "upsert":
      return put(action, attributes, context);
    case "delete":
      return remove(action, attributes);
    case "hash":
      return hash(action, attributes);
    case "extract":
      return extract(action, attributes);
    case "convert": {
      const at = indexOfKey(attributes, action.key);
      return at < 0 ? attributes : setValue(attributes, at, convertValue(attributes[at].value, action.convertedType));
    }
  }
}

function put(action: PutAction, attributes: readonly KeyValue[], context: ContextValues): readonly KeyValue[] {
  const at = indexOfKey(attributes, action.key);
  if (at < 0 ? action.action === "update" : action.action === "insert") return attributes;
  const value = sourceValue(action, attributes, context);
  return value === undefined ? attributes : putValue(attributes, at, action.key, value);
}

function sourceValue(action: PutAction, attributes: readonly KeyValue[], context: ContextValues): AnyValue | undefined {
  if (action.value !== undefined) return action.value;
  if (action.fromContext !== "") {
    const text = contextText(action.fromContext, context);
    if (text !== undefined) return stringValue(text);
  }
  if (action.fromAttribute !== "") {
    const source = findAttribute(attributes, action.fromAttribute);
    if (source !== undefined) return source.value;
  }
  return action.defaultValue;
}

/** "client.address", "auth.<name>", "metadata.<key>", or a bare metadata key; several values are joined with ";". */
function contextText(name: string, context: ContextValues): string | undefined {
  if (name === "client.address") return context.address;
  if (name.startsWith("auth.")) return context.auth(name.slice("auth.".length));
  const values = context.metadata(name.startsWith("metadata.") ? name.slice("metadata.".length) : name);
  return values === undefined || values.length === 0 ? undefined : values.join(";");
}

/** The last attribute takes the place of the one that goes by its key, as in the Collector. */
function remove(action: DeleteAction, attributes: readonly KeyValue[]): readonly KeyValue[] {
  const at = indexOfKey(attributes, action.key);
  let list = attributes;
  if (at >= 0) {
    const last = attributes.length - 1;
    list = attributes.slice(0, last);
    if (at < last) list = list.with(at, attributes[last]);
  }
  const pattern = action.pattern;
  if (pattern === undefined || !list.some((each) => pattern.test(each.key))) return list;
  return list.filter((each) => !pattern.test(each.key));
}

function hash(action: HashAction, attributes: readonly KeyValue[]): readonly KeyValue[] {
  const at = indexOfKey(attributes, action.key);
  let list = at < 0 ? attributes : setValue(attributes, at, hashValue(attributes[at].value));
  const pattern = action.pattern;
  if (pattern === undefined) return list;
  for (let i = 0; i < attributes.length; i++) {
    if (pattern.test(attributes[i].key)) list = setValue(list, i, hashValue(list[i].value));
  }
  return list;
}

/** SHA-256 in lower-case hex of a string's UTF-8, a number's 8 bytes (little-endian) or a bool's one; "" for the rest. */
export function hashValue(value: AnyValue): AnyValue {
  const bytes = hashedBytes(value);
  return stringValue(bytes === undefined ? "" : createHash("sha256").update(bytes).digest("hex"));
}

function hashedBytes(value: AnyValue): string | Buffer | undefined {
  const bytes = Buffer.alloc(8);
  switch (value.type) {
    case "string":
      return value.value;
    case "bool":
      return Buffer.from([value.value ? 1 : 0]);
    case "int":
      bytes.writeBigInt64LE(value.value);
      return bytes;
    case "double":
      // Go's NaN, the one that most NaNs on the wire are.
      if (Number.isNaN(value.value)) bytes.writeBigUInt64LE(0x7ff8000000000001n);
      else bytes.writeDoubleLE(value.value);
      return bytes;
    default:
      return undefined;
  }
}

function extract(action: ExtractAction, attributes: readonly KeyValue[]): readonly KeyValue[] {
  const source = findAttribute(attributes, action.key);
  if (source?.value.type !== "string") return attributes;
  const text = source.value.value;
  const indices = action.pattern.match(text);
  if (indices === undefined) return attributes;
  let list = attributes;
  for (let group = 1; group <= action.pattern.groupCount; group++) {
    const start = indices[2 * group];
    const name = action.pattern.groupNames[group];
    const value = stringValue(start < 0 ? "" : text.slice(start, indices[2 * group + 1]));
    list = putValue(list, indexOfKey(list, name), name, value);
  }
  return list;
}

function indexOfKey(attributes: readonly KeyValue[], key: string): number {
  for (let i = 0; i < attributes.length; i++) if (attributes[i].key === key) return i;
  return -1;
}

/** Sets the value at `at`, or appends one if that is -1. */
function putValue(attributes: readonly KeyValue[], at: number, key: string, value: AnyValue): readonly KeyValue[] {
  return at < 0 ? [...attributes, keyValue(key, value)] : setValue(attributes, at, value);
}

function setValue(attributes: readonly KeyValue[], at: number, value: AnyValue): readonly KeyValue[] {
  const { key, value: old, unit } = attributes[at];
  return sameScalar(old, value) ? attributes : attributes.with(at, keyValue(key, value, unit));
}

function sameScalar(a: AnyValue, b: AnyValue): boolean {
  return a === b || (a.type === b.type && a.type !== "array" && a.type !== "map" && Object.is(a.value, b.value));
}
