import { decodePunycode } from "./punycode.js";

class RustNameError extends Error {}

const maxDepth = 300;
const maxSteps = 20_000;
/** Back references can double a name with every few letters. */
const maxTextLength = 32_768;

const basicTypes: Readonly<Record<string, string>> = {
  a: "i8",
  b: "bool",
  c: "char",
  d: "f64",
  e: "str",
  f: "f32",
  h: "u8",
  i: "isize",
  j: "usize",
  l: "i32",
  m: "u32",
  n: "i128",
  o: "u128",
  p: "_",
  s: "i16",
  t: "u16",
  u: "()",
  v: "...",
  x: "i64",
  y: "u64",
  z: "!",
};

/** `mangled` without its `_R`. */
export function demangleRustV0(mangled: string): string | undefined {
  // What stands behind a dot marks a part of the function, such as .cold.
  const [, name, suffix] = /^(\w+)((?:\.[\w.]+)?)$/.exec(mangled) ?? ["", "", ""];
  // A digit would be a version of the encoding that is not known.
  if (!/^[A-Z]/.test(name)) return undefined;
  try {
    const parser = new RustName(name);
    const path = parser.path(true);
    // The crate that the function was made for may follow.
    if (/[A-Z]/.test(parser.next)) parser.path(false);
    return parser.pos === name.length ? path + suffix : undefined;
  } catch (caught) {
    if (caught instanceof RustNameError) return undefined;
    throw caught;
  }
}

/** The grammar of RFC 2603. Work and output are bounded. */
class RustName {
  readonly text: string;
  pos = 0;
  private steps = 0;
  private depth = 0;
  private lifetimes = 0;

  constructor(text: string) {
    this.text = text;
  }

  get next(): string {
    return this.text[this.pos] ?? "";
  }

  private fail(): never {
    throw new RustNameError();
  }

  private take(expected: string): boolean {
    if (this.next !== expected) return false;
    this.pos++;
    return true;
  }

  private within(rule: () => string): string {
    if (++this.steps > maxSteps || ++this.depth > maxDepth) this.fail();
    const text = rule();
    this.depth--;
    return text.length > maxTextLength ? this.fail() : text;
  }

  /** `_` = 0, `0_` = 1, in base 62. */
  private base62(): number {
    if (this.take("_")) return 0;
    let value = 0;
    for (let i = 0; i < 12; i++) {
      const digit = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".indexOf(this.next || "?");
      if (digit < 0) this.fail();
      this.pos++;
      value = value * 62 + digit;
      if (this.take("_")) return value + 1;
    }
    return this.fail();
  }

  private optional62(tag: string): number {
    return this.take(tag) ? this.base62() + 1 : 0;
  }

  private backReference(read: () => string): string {
    const start = this.pos - 1;
    const target = this.base62();
    if (target >= start) this.fail();
    const after = this.pos;
    this.pos = target;
    const text = read();
    this.pos = after;
    return text;
  }

  private identifier(): { text: string; disambiguator: number } {
    const disambiguator = this.optional62("s");
    const isPunycode = this.take("u");
    const digits = /^(0|[1-9]\d{0,4})/.exec(this.text.slice(this.pos, this.pos + 5))?.[0];
    if (digits === undefined) return this.fail();
    this.pos += digits.length;
    this.take("_");
    const text = this.text.slice(this.pos, this.pos + Number(digits));
    if (text.length < Number(digits)) this.fail();
    this.pos += text.length;
    if (!isPunycode) return { text, disambiguator };
    return { text: decodePunycode(text) ?? this.fail(), disambiguator };
  }

  /** `inValue`: generic arguments are written with `::<`, as in expressions. */
  path(inValue: boolean): string {
    return this.within(() => {
      const kind = this.next;
      this.pos++;
      switch (kind) {
        case "C":
          return this.identifier().text;
        case "N":
          return this.nested(inValue);
        case "M":
        case "X": {
          this.optional62("s");
          this.path(false);
          const type = this.type();
          return kind === "M" ? `<${type}>` : `<${type} as ${this.path(false)}>`;
        }
        case "Y":
          return `<${this.type()} as ${this.path(false)}>`;
        case "I": {
          const path = this.path(inValue);
          return `${path}${inValue ? "::" : ""}<${this.genericArguments()}>`;
        }
        case "B":
          return this.backReference(() => this.path(inValue));
        default:
          return this.fail();
      }
    });
  }

  private nested(inValue: boolean): string {
    const namespace = this.next;
    this.pos++;
    if (!/[a-zA-Z]/.test(namespace)) this.fail();
    const outer = this.path(inValue);
    const { text, disambiguator } = this.identifier();
    if (/[a-z]/.test(namespace)) return text === "" ? outer : `${outer}::${text}`;
    const kind = namespace === "C" ? "closure" : namespace === "S" ? "shim" : namespace;
    return `${outer}::{${kind}${text === "" ? "" : `:${text}`}#${disambiguator}}`;
  }

  private genericArguments(): string {
    const out: string[] = [];
    while (!this.take("E")) {
      if (this.pos >= this.text.length) this.fail();
      if (this.take("L")) out.push(this.lifetime());
      else out.push(this.take("K") ? this.constant() : this.type());
    }
    return out.join(", ");
  }

  private lifetime(): string {
    const index = this.base62();
    if (index === 0) return "'_";
    const depth = this.lifetimes - index;
    if (depth < 0) this.fail();
    return depth < 26 ? `'${String.fromCharCode(97 + depth)}` : `'_${depth}`;
  }

  private binder(read: () => string): string {
    const bound = this.optional62("G");
    if (bound > 64) this.fail();
    const before = this.lifetimes;
    const names: string[] = [];
    for (let i = 0; i < bound; i++) {
      this.lifetimes++;
      names.push(`'${String.fromCharCode(97 + ((this.lifetimes - 1) % 26))}`);
    }
    const text = read();
    this.lifetimes = before;
    return names.length > 0 ? `for<${names.join(", ")}> ${text}` : text;
  }

  private type(): string {
    return this.within(() => {
      const kind = this.next;
      const basic = basicTypes[kind];
      if (basic !== undefined) {
        this.pos++;
        return basic;
      }
      if (/[CNMXYI]/.test(kind)) return this.path(false);
      this.pos++;
      switch (kind) {
        case "A": {
          const element = this.type();
          return `[${element}; ${this.constant()}]`;
        }
        case "S":
          return `[${this.type()}]`;
        case "T":
          return this.tuple();
        case "R":
        case "Q": {
          const lifetime = this.take("L") ? this.lifetime() : "'_";
          return `&${lifetime === "'_" ? "" : `${lifetime} `}${kind === "Q" ? "mut " : ""}${this.type()}`;
        }
        case "P":
          return `*const ${this.type()}`;
        case "O":
          return `*mut ${this.type()}`;
        case "F":
          return this.binder(() => this.functionType());
        case "D": {
          const bounds = this.binder(() => this.traitBounds());
          if (!this.take("L")) this.fail();
          const lifetime = this.lifetime();
          return `dyn ${bounds}${lifetime === "'_" ? "" : ` + ${lifetime}`}`;
        }
        case "B":
          return this.backReference(() => this.type());
        default:
          return this.fail();
      }
    });
  }

  private tuple(): string {
    const parts: string[] = [];
    while (!this.take("E")) parts.push(this.type());
    return parts.length === 1 ? `(${parts[0]},)` : `(${parts.join(", ")})`;
  }

  private functionType(): string {
    const isUnsafe = this.take("U");
    let abi = "";
    if (this.take("K")) abi = this.take("C") ? "C" : this.identifier().text.replaceAll("_", "-");
    const parameters: string[] = [];
    while (!this.take("E")) parameters.push(this.type());
    const result = this.take("u") ? "" : ` -> ${this.type()}`;
    return `${isUnsafe ? "unsafe " : ""}${abi === "" ? "" : `extern "${abi}" `}fn(${parameters.join(", ")})${result}`;
  }

  private traitBounds(): string {
    const bounds: string[] = [];
    while (!this.take("E")) {
      let bound = this.path(false);
      const bindings: string[] = [];
      while (this.take("p")) {
        const { text } = this.identifier();
        bindings.push(`${text} = ${this.take("K") ? this.constant() : this.type()}`);
      }
      if (bindings.length > 0) {
        bound = bound.endsWith(">")
          ? `${bound.slice(0, -1)}, ${bindings.join(", ")}>`
          : `${bound}<${bindings.join(", ")}>`;
      }
      bounds.push(bound);
    }
    return bounds.join(" + ");
  }

  private constant(): string {
    return this.within(() => {
      if (this.take("B")) return this.backReference(() => this.constant());
      if (this.take("p")) return "_";
      const type = this.next;
      this.pos++;
      const digits = /^n?[0-9a-f]*_/.exec(this.text.slice(this.pos, this.pos + 64))?.[0];
      if (digits === undefined || basicTypes[type] === undefined) return this.fail();
      this.pos += digits.length;
      const isNegative = digits.startsWith("n");
      const value = BigInt(`0x${digits.replace(/[n_]/g, "") || "0"}`);
      if (type === "b") return value === 0n ? "false" : value === 1n ? "true" : this.fail();
      if (type === "c") return value <= 0x10ffffn ? `'${String.fromCodePoint(Number(value))}'` : this.fail();
      if (!"ijlmnoxyhast".includes(type)) return this.fail();
      return `${isNegative ? "-" : ""}${value}`;
    });
  }
}
