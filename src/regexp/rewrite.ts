import { unicodePropertyName } from "./unicode-names.js";

/** A pattern in the engine's spelling. Groups carry names of our own: `groupNames[i]` is the name of group i or "". */
export interface RewrittenPattern {
  readonly pattern: string;
  /** As it was written, but for what only the engine refuses: it stumbles over the same first fault as Go. */
  readonly diagnosis: string;
  readonly groupNames: readonly string[];
  /** Why the pattern is refused, in Go's words. */
  readonly fault: string | undefined;
}

class Fault extends Error {
  constructor(reason: string, text: string) {
    super(`error parsing regexp: ${reason}: \`${text}\``);
  }
}

/**
 * Translates Go's regular expressions to what the engine takes: it knows fewer names of Unicode properties (and others
 * that Go refuses), and refuses group names that occur twice. Everything else is copied, and checked by the engine.
 */
export function rewritePattern(source: string): RewrittenPattern {
  const rewriter = new Rewriter(source);
  let fault: string | undefined;
  try {
    rewriter.run();
  } catch (caught) {
    if (!(caught instanceof Fault)) throw caught;
    fault = caught.message;
  }
  const diagnosis = rewriter.diagnosis + source.slice(rewriter.at);
  return { pattern: rewriter.out, diagnosis, groupNames: rewriter.groupNames, fault };
}

class Rewriter {
  readonly source: string;
  readonly groupNames: string[] = [""];
  out = "";
  diagnosis = "";
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
    const text = this.source.slice(this.at, this.at + length);
    this.out += text;
    this.diagnosis += text;
    this.at += length;
  }

  escape(): void {
    const next = this.source[this.at + 1];
    if (next === undefined) throw new Fault("trailing backslash at end of expression", "");
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
    if (end < 0) throw new Fault("invalid named capture", rest);
    const name = rest.slice(intro, end);
    if (!/^[A-Za-z0-9_]+$/.test(name)) throw new Fault("invalid named capture", rest.slice(0, end + 1));
    this.groupNames.push(name);
    const unique = `(?P<g${this.groupNames.length}>`;
    this.out += unique;
    this.diagnosis += unique;
    this.at += end + 1;
  }

  charClass(): void {
    const start = this.at;
    this.copy(this.source[this.at + 1] === "^" ? 2 : 1);
    // A bracket that comes first is a literal.
    let first = true;
    while (first || this.source[this.at] !== "]") {
      if (this.at >= this.source.length) throw new Fault("missing closing ]", this.source.slice(start));
      first = false;
      const next = this.source[this.at + 1];
      if (this.source[this.at] === "[" && next === ":") this.posixClass();
      else if (this.source[this.at] === "\\" && (next === "p" || next === "P")) this.property(true);
      else this.classRange();
    }
    this.copy(1);
  }

  /** A character, or two as a range: "[:" in the place of the second is a bracket, and begins no class of POSIX. */
  classRange(): void {
    const isSet = /^\\[dDsSwW]/.test(this.source.slice(this.at, this.at + 2));
    this.classChar();
    const next = this.source[this.at + 1];
    if (isSet || this.source[this.at] !== "-" || next === undefined || next === "]") return;
    this.copy(1);
    this.classChar();
  }

  classChar(): void {
    this.copy(this.source[this.at] === "\\" && this.at + 1 < this.source.length ? 2 : 1);
  }

  posixClass(): void {
    const end = this.source.indexOf(":]", this.at + 2);
    this.copy(end < 0 ? 1 : end + 2 - this.at);
  }

  property(inClass: boolean): void {
    const start = this.at;
    const braced = this.source[start + 2] === "{";
    const end = braced ? this.source.indexOf("}", start) + 1 : start + 2 + codePointLength(this.source, start + 2);
    if (end === 0) throw new Fault("invalid character class range", this.source.slice(start));
    const written = this.source.slice(start, end);
    let name = braced ? written.slice(3, -1) : written.slice(2);
    let negated = written[1] === "P";
    if (name.startsWith("^")) {
      negated = !negated;
      name = name.slice(1);
    }
    const known = unicodePropertyName(name);
    this.at = end;
    this.diagnosis += known === undefined ? "\\p{?}" : `${written.slice(0, 2)}L`;
    if (known === undefined) throw new Fault("invalid character class range", written);
    if (known !== "ASCII") this.out += `\\${negated ? "P" : "p"}{${known}}`;
    else if (inClass) this.out += negated ? "\\x{80}-\\x{10FFFF}" : "\\x00-\\x7F";
    else this.out += negated ? "[^\\x00-\\x7F]" : "[\\x00-\\x7F]";
  }
}

function codePointLength(text: string, at: number): number {
  const point = text.codePointAt(at);
  return point === undefined ? 0 : point > 0xffff ? 2 : 1;
}
