import { CppCursor, type TypeText, textOf } from "./cpp-cursor.js";
import { literalSuffixes, operators } from "./cpp-words.js";

/** Expressions of the grammar: values in template arguments, and what stands in `decltype` and `enable_if`. */
export abstract class CppExpressions extends CppCursor {
  templateArgs: readonly TypeText[] = [];

  abstract type(): TypeText;
  abstract encoding(inLocal?: boolean, nameOnly?: boolean): string;
  abstract unqualified(scope: string): string;
  abstract sourceName(): string;
  abstract qualifiers(): string;
  abstract templateParam(): TypeText;
  abstract templateArguments(): string;

  literal(): string {
    this.need("L");
    if (this.take("_Z") || this.take("Z")) {
      const name = this.encoding();
      this.need("E");
      return name;
    }
    const code = this.next;
    const type = textOf(this.type());
    const end = this.text.indexOf("E", this.pos);
    if (end < 0) this.fail();
    const digits = this.text.slice(this.pos, end);
    this.pos = end + 1;
    const value = digits.startsWith("n") ? `-${digits.slice(1)}` : digits;
    if (type === "bool" && (digits === "0" || digits === "1")) return digits === "1" ? "true" : "false";
    const suffix = literalSuffixes[code];
    return suffix === undefined ? `(${type})${value}` : value + suffix;
  }

  private member(): string {
    const mark = this.take("dt") ? "." : "->";
    if (mark === "->") this.need("pt");
    const object = this.expression();
    return `${/^[\w{]/.test(object) ? object : `(${object})`}${mark}${this.baseName()}`;
  }

  /** A name that only the template's arguments give a meaning: neither it nor its parts are substitutions. */
  private unresolved(): string {
    const levels: string[] = [];
    if (this.take("N")) levels.push(textOf(this.type()));
    if (levels.length === 0 && !/\d/.test(this.next)) return `${textOf(this.type())}::${this.baseName()}`;
    while (!this.take("E")) levels.push(this.simpleId());
    return this.bounded(`${levels.join("::")}::${this.baseName()}`);
  }

  private baseName(): string {
    this.take("on");
    return this.unqualified("") + this.ownArguments();
  }

  private simpleId(): string {
    return this.sourceName() + this.ownArguments();
  }

  /** Template arguments of a name in an expression; what `T_` stands for stays what it was. */
  private ownArguments(): string {
    if (this.next !== "I") return "";
    const args = this.templateArgs;
    const text = this.templateArguments();
    this.templateArgs = args;
    return text;
  }

  expression(): string {
    this.enter();
    const text = this.anyExpression();
    this.leave();
    return text;
  }

  private anyExpression(): string {
    const { next, nextTwo } = this;
    if (next === "L") return this.literal();
    if (next === "T") return textOf(this.templateParam());
    if (this.take("sr")) return this.unresolved();
    if (this.take("fpT")) return "this";
    if (this.take("fp")) {
      this.qualifiers();
      return `{parm#${this.sequence(10) + 1}}`;
    }
    if (this.take("st")) return `sizeof (${textOf(this.type())})`;
    if (this.take("sz")) return `sizeof (${this.expression()})`;
    if (this.take("sZ")) return `sizeof...(${textOf(this.type())})`;
    if (this.take("cl")) {
      const callee = this.expression();
      const args: string[] = [];
      while (!this.take("E")) args.push(this.expression());
      return `(${callee})(${args.join(", ")})`;
    }
    if (nextTwo === "dt" || nextTwo === "pt") return this.member();
    // The elements of a pack: its text has them all.
    if (this.take("sp")) return this.expression();
    const operator = operators[nextTwo];
    if (!operator || operator[1] > 2) return /\d/.test(next) ? this.simpleId() : this.fail();
    this.pos += 2;
    // The address of a function, which is a template's argument.
    if (nextTwo === "ad" && (this.take("L_Z") || this.take("LZ"))) {
      const name = this.encoding(true, true);
      this.need("E");
      return `&${name}`;
    }
    if (operator[1] === 1) return `${operator[0]}(${this.expression()})`;
    const left = this.expression();
    return `(${left})${operator[0]}(${this.expression()})`;
  }
}
