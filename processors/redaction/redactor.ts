import { LruCache } from "../../src/attributes/lru-cache.js";
import { type AnyValue, type KeyValue, keyValue, stringValue } from "../../src/pdata/any-value.js";
import type { TextEdit } from "../../src/pdata/edit-texts.js";
import { type CompiledRegExp, compileRegExp } from "../../src/regexp/regexp.js";
import type { RedactionConfig } from "./config.js";

const mask = stringValue("****");

const maxTexts = 65_536;
const maxTextBytes = 16 * 1024 * 1024;

/**
 * Redacts texts and attributes. The same texts come with every request, so what became of one is remembered (bounded,
 * least recently used goes first): patterns run once per text, not once per request.
 */
export class Redactor implements TextEdit {
  readonly wantsAll: boolean;
  readonly fileName: ((name: string) => string) | undefined;
  readonly #values: readonly CompiledRegExp[];
  readonly #keys: readonly CompiledRegExp[];
  readonly #replacement: string;
  readonly #texts = new LruCache<string>(maxTexts, maxTextBytes, (key, text) => 64 + 2 * (key.length + text.length));

  constructor(config: RedactionConfig) {
    this.#values = config.blocked_values.map(compileRegExp);
    this.#keys = config.blocked_key_patterns.map(compileRegExp);
    this.#replacement = config.replacement;
    this.wantsAll = this.#keys.length > 0;
    this.fileName = config.file_names && this.#values.length > 0 ? (name) => this.text(name) : undefined;
  }

  /** False if nothing changes in what holds no text of which `holds` denies that it does. */
  mayChange(holds: (literal: string) => boolean): boolean {
    return this.wantsAll || this.#values.some((value) => value.mayMatch(holds));
  }

  text(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    let redacted = text;
    for (const value of this.#values) redacted = value.replaceAll(redacted, this.#replacement);
    this.#texts.set(text, redacted);
    return redacted;
  }

  /** The same object where nothing in it is blocked. */
  readonly attribute = (attribute: KeyValue): KeyValue => {
    const { key, value, unit } = attribute;
    const redacted = this.#keys.some((each) => each.test(key)) ? mask : this.#value(value);
    return redacted === value ? attribute : keyValue(key, redacted, unit);
  };

  /** The same list where nothing in it is blocked. */
  readonly attributes = (attributes: readonly KeyValue[]): readonly KeyValue[] =>
    mapChanged(attributes, this.attribute);

  #value(value: AnyValue): AnyValue {
    if (value.type === "string") {
      const text = this.text(value.value);
      return text === value.value ? value : stringValue(text);
    }
    if (value.type === "array") {
      const list = mapChanged(value.value, (element) => this.#value(element));
      return list === value.value ? value : { type: "array", value: list };
    }
    if (value.type === "map") {
      const list = this.attributes(value.value);
      return list === value.value ? value : { type: "map", value: list };
    }
    return value;
  }
}

function mapChanged<T>(list: readonly T[], edit: (item: T) => T): readonly T[] {
  let edited: T[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const item = edit(list[i]);
    if (item === list[i]) continue;
    edited ??= [...list];
    edited[i] = item;
  }
  return edited ?? list;
}
