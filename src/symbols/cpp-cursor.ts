/** The name is not one of the Itanium C++ ABI, or one of a kind that is not understood, or larger than anyone reads. */
export class CppNameError extends Error {}

const maxDepth = 200;
const maxSteps = 20_000;
/** Substitutions can double a name with every few letters. */
const maxTextLength = 32_768;

/** A type: what stands left and right of the name that is declared with it. */
export interface TypeText {
  readonly left: string;
  readonly right: string;
  /** "fn" and "array" need parentheses around a pointer to them. */
  readonly kind: "plain" | "fn" | "array" | "lvalue" | "rvalue";
  /** The elements, where this is a pack of template arguments. */
  readonly pack?: readonly TypeText[];
}

export function plain(left: string): TypeText {
  return { left, right: "", kind: "plain" };
}

export function textOf({ left, right, pack }: TypeText): string {
  return pack ? listOf(pack) : right === "" ? left : left + right;
}

/** The types behind one another, without those that are empty. */
export function listOf(types: readonly TypeText[]): string {
  let list = "";
  for (const type of types) {
    const text = textOf(type);
    list = list === "" ? text : text === "" ? list : `${list}, ${text}`;
  }
  return list;
}

/** A place in a mangled name. Work and output are bounded. */
export class CppCursor {
  readonly text: string;
  pos: number;
  private steps = 0;
  private depth = 0;

  constructor(text: string, pos: number) {
    this.text = text;
    this.pos = pos;
  }

  fail(): never {
    throw new CppNameError();
  }

  get next(): string {
    return this.text[this.pos] ?? "";
  }

  get nextTwo(): string {
    return this.text.slice(this.pos, this.pos + 2);
  }

  take(expected: string): boolean {
    const isThere = expected.length === 1 ? this.text[this.pos] === expected : this.text.startsWith(expected, this.pos);
    if (!isThere) return false;
    this.pos += expected.length;
    return true;
  }

  need(expected: string): void {
    if (!this.take(expected)) this.fail();
  }

  /** Begins a rule of the grammar that may be in itself. */
  enter(): void {
    if (++this.steps > maxSteps || ++this.depth > maxDepth) this.fail();
  }

  leave(): void {
    this.depth--;
  }

  bounded(text: string): string {
    return text.length > maxTextLength ? this.fail() : text;
  }

  /** The digit that is next; negative where none is. */
  digit(): number {
    const code = this.text.charCodeAt(this.pos);
    return code >= 0x30 && code <= 0x39 ? code - 0x30 : -1;
  }

  /** A decimal number; fails where there is none. */
  number(): number {
    const start = this.pos;
    let number = 0;
    for (let digit = this.digit(); digit >= 0; digit = this.digit()) {
      number = 10 * number + digit;
      this.pos++;
    }
    return this.pos === start || this.pos - start > 9 ? this.fail() : number;
  }

  /** `_` = 0, `0_` = 1, in base 36 where `radix` says so. */
  sequence(radix: 10 | 36): number {
    if (this.take("_")) return 0;
    const end = this.text.indexOf("_", this.pos);
    if (end < 0 || end - this.pos > 6) this.fail();
    const digits = this.text.slice(this.pos, end);
    if (!(radix === 36 ? /^[0-9A-Z]+$/ : /^\d+$/).test(digits)) this.fail();
    this.pos = end + 1;
    return Number.parseInt(digits, radix) + 1;
  }
}
