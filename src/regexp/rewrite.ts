import { unicodePropertyName } from "./unicode-names.js";

/** Where and why a pattern is refused; `at` is the index in the pattern up to which it was fine. */
export interface PatternFault {
  readonly at: number;
  readonly message: string;
}

/** A pattern in the engine's spelling. Groups carry no names any more: `groupNames[i]` is the name of group i or "". */
export interface RewrittenPattern {
  readonly pattern: string;
  readonly groupNames: readonly string[];
  readonly fault: PatternFault | undefined;
}

class Fault extends Error {
  readonly at: number;
  constructor(at: number, reason: string, text: string) {
    super(`error parsing regexp: ${reason}: \`${text}\``);
    this.at = at;
  }
}

/**
 * Translates Go's regular expressions to what the engine takes: it knows fewer names of Unicode properties (and others
 * that Go refuses), and refuses group names that occur twice. Everything else is copied, and checked by the engine.
 */
export function rewritePattern(source: string): RewrittenPattern {
  const rewriter = new Rewriter(source);
  try {
    rewriter.run();
  } catch (caught) {
    if (!(caught instanceof Fault)) throw caught;
    return {
      pattern: rewriter.out,
      groupNames: rewriter.groupNames,
      fault: { at: caught.at, message: caught.message },
    };
  }
  return { pattern: rewriter.out, groupNames: rewriter.groupNames, fault: undefined };
}

class Rewriter {
  readonly source: string;
  readonly groupNames: string[] = [""];
  out = "";
  at = 0;

  constructor(source: string) {
    this.source = source;
  }

  run(): void {
    while (this.at < this.source.length) {
      const char = this.source[this.at];
      if (char === "\\") this.escape();
      else if (char === "[") this.charClass();
      else if (char === "(") this.group();
      else this.copy(1);
    }
  }

  copy(length: number): void {
    this.out += this.source.slice(this.at, this.at + length);
    this.at += length;
  }

  escape(): void {
    const next = this.source[this.at + 1];
    if (next === undefined) throw new Fault(this.at, "trailing backslash at end of expression", "");
    if (next === "Q") {
      const end = this.source.indexOf("\\E", this.at + 2);
      this.copy((end < 0 ? this.source.length : end + 2) - this.at);
    } else if (next === "p" || next === "P") this.property(false);
    else this.copy(2);
  }

  group(): void {
    if (this.source[this.at + 1] !== "?") {
      this.groupNames.push("");
      this.copy(1);
      return;
    }
    const rest = this.source.slice(this.at);
    const intro = rest.startsWith("(?P<") && rest.length > 4 ? 4 : rest.startsWith("(?<") && rest.length > 3 ? 3 : 0;
    if (intro === 0) {
      this.copy(2);
      return;
    }
    const end = rest.indexOf(">");
    if (end < 0) throw new Fault(this.at, "invalid named capture", rest);
    const name = rest.slice(intro, end);
    if (!/^[A-Za-z0-9_]+$/.test(name)) throw new Fault(this.at, "invalid named capture", rest.slice(0, end + 1));
    this.groupNames.push(name);
    this.out += "(";
    this.at += end + 1;
  }

  charClass(): void {
    const start = this.at;
    this.copy(this.source[this.at + 1] === "^" ? 2 : 1);
    // A bracket that comes first is a literal.
    let first = true;
    while (first || this.source[this.at] !== "]") {
      if (this.at >= this.source.length) throw new Fault(start, "missing closing ]", this.source.slice(start));
      first = false;
      const next = this.source[this.at + 1];
      if (this.source[this.at] === "[" && next === ":") this.posixClass();
      else if (this.source[this.at] === "\\" && (next === "p" || next === "P")) this.property(true);
      else this.copy(this.source[this.at] === "\\" && next !== undefined ? 2 : 1);
    }
    this.copy(1);
  }

  posixClass(): void {
    const end = this.source.indexOf(":]", this.at + 2);
    this.copy(end < 0 ? 1 : end + 2 - this.at);
  }

  property(inClass: boolean): void {
    const start = this.at;
    const braced = this.source[start + 2] === "{";
    const end = braced ? this.source.indexOf("}", start) + 1 : start + 2 + codePointLength(this.source, start + 2);
    if (end === 0) throw new Fault(start, "invalid character class range", this.source.slice(start));
    const written = this.source.slice(start, end);
    let name = braced ? written.slice(3, -1) : written.slice(2);
    let negated = written[1] === "P";
    if (name.startsWith("^")) {
      negated = !negated;
      name = name.slice(1);
    }
    const known = unicodePropertyName(name);
    if (known === undefined) throw new Fault(start, "invalid character class range", written);
    this.at = end;
    if (known !== "ASCII") this.out += `\\${negated ? "P" : "p"}{${known}}`;
    else if (inClass) this.out += negated ? "\\x{80}-\\x{10FFFF}" : "\\x00-\\x7F";
    else this.out += negated ? "[^\\x00-\\x7F]" : "[\\x00-\\x7F]";
  }
}

function codePointLength(text: string, at: number): number {
  const point = text.codePointAt(at);
  return point === undefined ? 0 : point > 0xffff ? 2 : 1;
}
