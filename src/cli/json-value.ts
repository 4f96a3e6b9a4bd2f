/**
 * JSON read as YAML reads it: each scalar keeps the text that was written, integers of up to 64 bits are exact, maps
 * keep their order and every key ("__proto__" is a key like any other).
 */
export type JsonValue = JsonScalar | JsonList | JsonMap;
export interface JsonScalar {
  readonly kind: "scalar";
  readonly type: "string" | "int" | "float" | "bool" | "null";
  readonly text: string;
  readonly value: string | bigint | number | boolean | null;
}
export interface JsonList {
  readonly kind: "list";
  readonly items: readonly JsonValue[];
}
export interface JsonMap {
  readonly kind: "map";
  readonly entries: readonly (readonly [key: string, value: JsonValue])[];
}

const maxDepth = 500;

/** Reads one JSON text; throws an Error that says where it is none. */
export function parseJsonValue(text: string): JsonValue {
  const reader = new JsonReader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

const space = /[ \t\r\n]*/y;
// What is inside is checked by JSON.parse.
const string = /"[^"\\]*(?:\\.[^"\\]*)*"/sy;
const number = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const word = /true|false|null/y;

class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonValue {
    if (depth > maxDepth) throw new Error(`JSON is nested more than ${maxDepth} levels deep`);
    this.take(space);
    const first = this.#text[this.#at];
    if (first === "{") return this.map(depth);
    if (first === "[") return this.list(depth);
    if (first === '"') return stringScalar(this.string());
    const wordText = this.take(word);
    if (wordText !== undefined) return wordScalar(wordText);
    const numberText = this.take(number);
    if (numberText !== undefined) return numberScalar(numberText);
    return this.fail();
  }

  end(): void {
    this.take(space);
    if (this.#at < this.#text.length) this.fail();
  }

  map(depth: number): JsonMap {
    const entries: [string, JsonValue][] = [];
    this.items("}", () => {
      const key = this.string();
      this.take(space);
      this.expect(":");
      entries.push([key, this.value(depth + 1)]);
    });
    return { kind: "map", entries };
  }

  list(depth: number): JsonList {
    const items: JsonValue[] = [];
    this.items("]", () => items.push(this.value(depth + 1)));
    return { kind: "list", items };
  }

  items(closing: string, readItem: () => void): void {
    this.#at++;
    this.take(space);
    if (this.#text[this.#at] !== closing) {
      for (;;) {
        this.take(space);
        readItem();
        this.take(space);
        if (this.#text[this.#at] !== ",") break;
        this.#at++;
      }
    }
    this.expect(closing);
  }

  /** Half a surrogate pair is no character: it becomes U+FFFD, as in Go. */
  string(): string {
    const at = this.#at;
    const token = this.take(string) ?? this.fail();
    try {
      return toWellFormed(JSON.parse(token));
    } catch {
      throw new Error(`invalid JSON: bad string at column ${at + 1}`);
    }
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const token = pattern.exec(this.#text)?.[0];
    if (token !== undefined) this.#at += token.length;
    return token;
  }

  expect(char: string): void {
    if (this.#text[this.#at] !== char) this.fail();
    this.#at++;
  }

  fail(): never {
    const found = this.#text[this.#at];
    throw new Error(
      found === undefined
        ? "invalid JSON: unexpected end of line"
        : `invalid JSON: unexpected ${JSON.stringify(found)} at column ${this.#at + 1}`,
    );
  }
}

function stringScalar(text: string): JsonScalar {
  return { kind: "scalar", type: "string", text, value: text };
}

function wordScalar(text: string): JsonScalar {
  if (text === "null") return { kind: "scalar", type: "null", text, value: null };
  return { kind: "scalar", type: "bool", text, value: text === "true" };
}

/** An integer past 64 bits is a float; a number past the range of floats is no number to YAML, but text. */
function numberScalar(text: string): JsonScalar {
  if (/^-?[0-9]+$/.test(text)) {
    const value = BigInt(text);
    if (value >= -(2n ** 63n) && value < 2n ** 64n) return { kind: "scalar", type: "int", text, value };
  }
  const value = Number(text);
  return Number.isFinite(value) ? { kind: "scalar", type: "float", text, value } : stringScalar(text);
}

/** String.prototype.toWellFormed, which the configured library of the compiler doesn't know. */
function toWellFormed(text: string): string {
  return text.replace(/[\uD800-\uDFFF]/gu, "\uFFFD");
}
