const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
const zero = 0x30;
const nine = 0x39;

/** Integers of at least as many digits may be too many for a double. */
const exactDigits = 16;
/** Deepest nesting of what is skipped. */
const maxSkippedDepth = 10_000;

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const integer = /^-?\d+$/;
/** A backslash, or a control character, which may not stand in a string. */
const needsUnescaping = /\\|[^ -\uffff]/;
const literals: readonly (readonly [string, null | boolean])[] = [
  ["null", null],
  ["true", true],
  ["false", false],
];

/** JSON of more objects, lists and keys than may be built. */
export class JsonTooLargeError extends SyntaxError {}

/**
 * JSON.parse for what strangers send. An object of two characters takes sixty bytes, so text of more than `maxParts` objects, lists
 * and keys together is refused before anything is built.
 */
export function parseBoundedJson(text: string, maxParts: number): unknown {
  const reader = new JsonReader(text, maxParts);
  reader.skip();
  reader.end();
  return JSON.parse(text);
}

/**
 * Reads JSON value by value, without building what it reads: objects made of a few bytes each would take many times the
 * text's size. Integers that a double can't hold are given as decimal text. Throws SyntaxError where JSON.parse would.
 */
export class JsonReader {
  readonly #text: string;
  #at = 0;
  /** Objects, lists and keys that may still be skipped. */
  #partsLeft: number;

  constructor(text: string, maxSkippedParts = Number.POSITIVE_INFINITY) {
    this.#text = text;
    this.#partsLeft = maxSkippedParts;
  }

  get isObject(): boolean {
    return this.#peek() === openObject;
  }

  get isList(): boolean {
    return this.#peek() === openList;
  }

  get isNull(): boolean {
    return this.#peek() === 0x6e;
  }

  /** Reads an object; `member` must read or skip the value of each key. */
  object(member: (key: string) => void): void {
    this.#expect(openObject);
    if (this.#take(closeObject)) return;
    do member(this.#key());
    while (this.#take(comma));
    this.#expect(closeObject);
  }

  /** Reads a list; `element` must read or skip each element. */
  list(element: (index: number) => void): void {
    this.#expect(openList);
    if (this.#take(closeList)) return;
    let index = 0;
    do element(index++);
    while (this.#take(comma));
    this.#expect(closeList);
  }

  /** Reads a value that is neither object nor list. */
  scalar(): null | boolean | number | string {
    const first = this.#peek();
    if (first === quote) return this.#string();
    if (first <= nine) return this.#number();
    for (const [word, value] of literals) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    return this.#fail();
  }

  /** Steps over a value of any kind, on a stack of its own. */
  skip(): void {
    const closers: number[] = [];
    do {
      if (!this.#enter(closers)) this.#leave(closers);
    } while (closers.length > 0);
  }

  /** Nothing but blanks may be left. */
  end(): void {
    if (!Number.isNaN(this.#peek())) this.#fail();
  }

  /** Reads a scalar or an empty object or list (false), or up to the first value of one that isn't (true). */
  #enter(closers: number[]): boolean {
    const closer = this.#take(openObject) ? closeObject : this.#take(openList) ? closeList : 0;
    if (closer === 0) this.scalar();
    else this.#count();
    if (closer === 0 || this.#take(closer)) return false;
    if (closers.length >= maxSkippedDepth) throw new SyntaxError(`nested too deep at position ${this.#at} in JSON`);
    if (closer === closeObject) this.#countedKey();
    closers.push(closer);
    return true;
  }

  /** After a value: up to the next one, or out of what ends here. */
  #leave(closers: number[]): void {
    for (let closer = closers.at(-1); closer !== undefined; closer = closers.at(-1)) {
      if (this.#take(comma)) {
        if (closer === closeObject) this.#countedKey();
        return;
      }
      this.#expect(closer);
      closers.pop();
    }
  }

  #count(): void {
    if (--this.#partsLeft < 0) throw new JsonTooLargeError("too many objects, lists and keys in JSON");
  }

  #countedKey(): void {
    this.#count();
    this.#key();
  }

  #key(): string {
    if (this.#peek() !== quote) this.#fail();
    const key = this.#string();
    this.#expect(colon);
    return key;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at + 1;
    const end = text.indexOf('"', start);
    if (end < 0) this.#fail();
    const plain = text.slice(start, end);
    this.#at = end + 1;
    if (!needsUnescaping.test(plain)) return plain;
    this.#at = stringEnd(text, end);
    try {
      return JSON.parse(text.slice(start - 1, this.#at));
    } catch {
      // Its own words would quote the text.
      throw new SyntaxError(`broken string at position ${start - 1} in JSON`);
    }
  }

  #number(): number | string {
    const text = this.#text;
    const start = this.#at;
    let end = start;
    while (isOfNumber(text.charCodeAt(end))) end++;
    const token = text.slice(start, end);
    if (!number.test(token)) this.#fail();
    this.#at = end;
    return token.length >= exactDigits && integer.test(token) ? token : Number(token);
  }

  /** The next character's code behind blanks; NaN at the end. */
  #peek(): number {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
      this.#at++;
    }
  }

  #take(code: number): boolean {
    if (this.#peek() !== code) return false;
    this.#at++;
    return true;
  }

  #expect(code: number): void {
    if (!this.#take(code)) this.#fail();
  }

  #fail(): never {
    const what = this.#at < this.#text.length ? "unexpected character" : "unexpected end";
    throw new SyntaxError(`${what} at position ${this.#at} in JSON`);
  }
}

function isOfNumber(code: number): boolean {
  // Digits, and any of + - . e E
  return (code >= zero && code <= nine) || code === 0x2b || code === 0x2d || code === 0x2e || (code | 0x20) === 0x65;
}

/** Position behind the string's last quote, `end` being the first quote in it. */
function stringEnd(text: string, end: number): number {
  for (let at = end; at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
  return text.length;
}
