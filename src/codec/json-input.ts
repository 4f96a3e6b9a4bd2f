import { JsonTooLargeError, parseBoundedJson } from "../proto/json-reader.js";
import { invalid, looksLike, TooLargeError } from "./invalid.js";
import { plainText } from "./stack-options.js";

/** Objects, lists and keys of a document: some hundred MB once they are built. */
const maxParts = 4_000_000;

/** A JSON document of unknown shape, read with messages that name the place. */
export class JsonInput {
  private readonly format: string;

  constructor(format: string) {
    this.format = format;
  }

  parse(bytes: Buffer, maxBytes: number | undefined): Record<string, unknown> {
    const text = plainText(this.format, bytes, maxBytes);
    let value: unknown;
    try {
      value = parseBoundedJson(text.utf8Slice(0, text.length), maxParts);
    } catch (error) {
      if (error instanceof JsonTooLargeError) throw new TooLargeError(`${this.format}: ${error.message}`);
      throw invalid(this.format, `not JSON${looksLike(text)}`);
    }
    return this.object(value, "the document");
  }

  fault(place: string, wanted: string): Error {
    return invalid(this.format, `${place} ${wanted}`);
  }

  object(value: unknown, place: string): Record<string, unknown> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.fault(place, "is not an object");
    }
    return value as Record<string, unknown>;
  }

  array(value: unknown, place: string): readonly unknown[] {
    if (!Array.isArray(value)) throw this.fault(place, "is not a list");
    return value;
  }

  /** A list that may be missing. */
  optionalArray(value: unknown, place: string): readonly unknown[] {
    return value === undefined || value === null ? [] : this.array(value, place);
  }

  number(value: unknown, place: string): number {
    if (typeof value !== "number" || !Number.isFinite(value)) throw this.fault(place, "is not a number");
    return value;
  }

  integer(value: unknown, place: string): number {
    if (!Number.isSafeInteger(value)) throw this.fault(place, "is not a whole number");
    return value as number;
  }

  /** A text, "" where it is missing. */
  text(value: unknown, place: string): string {
    if (value === undefined || value === null) return "";
    if (typeof value !== "string") throw this.fault(place, "is not a text");
    return value;
  }

  /** A whole number, 0 where it is missing. */
  optionalInteger(value: unknown, place: string): number {
    return value === undefined || value === null ? 0 : this.integer(value, place);
  }
}
