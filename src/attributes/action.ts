import type { AnyValue } from "../pdata/any-value.js";
import type { CompiledRegExp } from "../regexp/regexp.js";

/** A checked attribute action; field names are the Collector's. */
export type AttributeAction = PutAction | DeleteAction | HashAction | ExtractAction | ConvertAction;

/** insert: only where the key is absent; update: only where it is present; upsert: always. */
export interface PutAction {
  readonly action: "insert" | "update" | "upsert";
  readonly key: string;
  /** At most one of the three is set; then, if it gives nothing, `defaultValue`. */
  readonly value: AnyValue | undefined;
  readonly fromAttribute: string;
  readonly fromContext: string;
  readonly defaultValue: AnyValue | undefined;
}

/** Removes the first attribute named `key`, then all whose key matches `pattern`. */
export interface DeleteAction {
  readonly action: "delete";
  readonly key: string;
  readonly pattern: CompiledRegExp | undefined;
}

/** Replaces values by their SHA-256 in hex. */
export interface HashAction {
  readonly action: "hash";
  readonly key: string;
  readonly pattern: CompiledRegExp | undefined;
}

/** The pattern's named groups, matched in a string value, become attributes. */
export interface ExtractAction {
  readonly action: "extract";
  readonly key: string;
  readonly pattern: CompiledRegExp;
}

export interface ConvertAction {
  readonly action: "convert";
  readonly key: string;
  readonly convertedType: "string" | "int" | "double";
}

/** The configuration is refused; the message is the Collector's. */
export class AttributeConfigError extends Error {
  /** Of the action at fault, undefined if it isn't one. */
  readonly index: number | undefined;

  constructor(message: string, index?: number) {
    super(message);
    this.name = "AttributeConfigError";
    this.index = index;
  }
}
