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
  return pack ? pack.map(textOf).filter(Boolean).join(", ") : left + right;
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
    if (!this.text.startsWith(expected, this.pos)) return false;
    this.pos += expected.length;
    return true;
  }

  need(expected: string): void {
    if (!this.take(expected)) this.fail();
  }

  /** Runs one rule of the grammar. */
  within<T>(rule: () => T): T {
    if (++this.steps > maxSteps || ++this.depth > maxDepth) this.fail();
    const result = rule();
    this.depth--;
    return result;
  }

  bounded(text: string): string {
    return text.length > maxTextLength ? this.fail() : text;
  }

  /** A decimal number; fails where there is none. */
  number(): number {
    const start = this.pos;
    while (this.next >= "0" && this.next <= "9") this.pos++;
    if (this.pos === start || this.pos - start > 9) this.fail();
    return Number(this.text.slice(start, this.pos));
  }

  /** `_` = 0, `0_` = 1, in base 36 where `radix` says so. */
  sequence(radix: 10 | 36): number {
    const end = this.text.indexOf("_", this.pos);
    if (end < 0 || end - this.pos > 6) this.fail();
    const digits = this.text.slice(this.pos, end);
    if (digits !== "" && !(radix === 36 ? /^[0-9A-Z]+$/ : /^\d+$/).test(digits)) this.fail();
    this.pos = end + 1;
    return digits === "" ? 0 : Number.parseInt(digits, radix) + 1;
  }
}
