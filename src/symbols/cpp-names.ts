import { listOf, plain, type TypeText, textOf } from "./cpp-cursor.js";
import { CppExpressions } from "./cpp-expressions.js";
import { operators, specialNames, standardNames, wholeStandardNames } from "./cpp-words.js";

interface Name {
  readonly text: string;
  /** Qualifiers of a member function, to be written behind its parameters. */
  readonly suffix: string;
  /** The name ends with template arguments, so that its type begins with the result. */
  readonly isTemplate: boolean;
  /** Constructors, destructors and conversions have no result type. */
  readonly isSpecial: boolean;
}

/** Names and template arguments of the grammar. */
export abstract class CppNames extends CppExpressions {
  readonly substitutions: TypeText[] = [];
  packIndex = -1;
  packLength = -1;
  private inLambda = 0;
  private lastWasConversion = false;

  /** `inLocal`: as the scope of what is in the function, where its result is left out. `nameOnly`: no parameters either. */
  encoding(inLocal = false, nameOnly = false): string {
    this.enter();
    const text = this.specialName() ?? this.plainEncoding(inLocal, nameOnly);
    this.leave();
    return text;
  }

  private plainEncoding(inLocal: boolean, nameOnly: boolean): string {
    const name = this.name();
    if (this.pos >= this.text.length || this.next === "E" || this.next === ".") return name.text;
    const result = name.isTemplate && !name.isSpecial ? this.type() : undefined;
    const parameters = this.parameters("E.");
    if (nameOnly) return name.text;
    const suffix = `(${parameters})${name.suffix}`;
    if (!result || inLocal) return this.bounded(name.text + suffix);
    const gap = result.kind === "fn" || (/[(*&]$/.test(result.left) && result.right !== "") ? "" : " ";
    return this.bounded(`${result.left}${gap}${name.text}${suffix}${result.right}`);
  }

  private specialName(): string | undefined {
    if (this.next !== "T" && this.next !== "G") return undefined;
    const { nextTwo } = this;
    const words = specialNames[nextTwo];
    if (words !== undefined) {
      this.pos += 2;
      return words + (/^T[VTIS]/.test(nextTwo) ? textOf(this.type()) : this.name().text);
    }
    if (this.take("GR")) {
      const name = this.name().text;
      return `reference temporary #${this.sequence(36)} for ${name}`;
    }
    if (nextTwo === "Th" || nextTwo === "Tv") {
      this.pos++;
      const kind = this.callOffset();
      return `${kind} thunk to ${this.encoding()}`;
    }
    if (this.take("GTt") || this.take("GTn")) return `transaction clone for ${this.encoding()}`;
    if (!this.take("Tc")) return undefined;
    this.callOffset();
    this.callOffset();
    return `covariant return thunk to ${this.encoding()}`;
  }

  private callOffset(): string {
    const isVirtual = this.take("v");
    if (!isVirtual) this.need("h");
    for (let i = 0; i < (isVirtual ? 2 : 1); i++) {
      this.take("n");
      this.number();
      this.need("_");
    }
    return isVirtual ? "virtual" : "non-virtual";
  }

  /** Parameter types up to one of the characters of `ends` or the end of the name. */
  parameters(ends: string): string {
    const out: string[] = [];
    while (this.pos < this.text.length && !ends.includes(this.next)) {
      if (ends === "E" && (this.next === "R" || this.next === "O") && this.text[this.pos + 1] === "E") break;
      const text = textOf(this.type());
      if (text !== "") out.push(text);
    }
    return out.length === 1 && out[0] === "void" ? "" : this.bounded(out.join(", "));
  }

  name(): Name {
    this.enter();
    const { next } = this;
    const name = next === "N" ? this.nestedName() : next === "Z" ? this.localName() : this.unscopedName();
    this.leave();
    return name;
  }

  private unscopedName(): Name {
    if (this.next === "S" && this.nextTwo !== "St") {
      const text = textOf(this.substitution());
      if (this.text[this.pos] !== "I") return this.fail();
      return { text: text + this.templateArguments(), suffix: "", isTemplate: true, isSpecial: false };
    }
    const scope = this.take("St") ? "std::" : "";
    const text = scope + this.unqualified("");
    const isSpecial = this.lastWasConversion;
    if (this.next !== "I") return { text, suffix: "", isTemplate: false, isSpecial };
    this.substitutions.push(plain(text));
    return { text: this.withArguments(text), suffix: "", isTemplate: true, isSpecial };
  }

  qualifiers(): string {
    let out = "";
    const restrict = this.take("r");
    const volatile = this.take("V");
    if (this.take("K")) out += " const";
    if (volatile) out += " volatile";
    if (restrict) out += " restrict";
    return out;
  }

  private nestedName(): Name {
    this.need("N");
    const qualifiers = this.qualifiers();
    const suffix = qualifiers + (this.take("R") ? " &" : this.take("O") ? " &&" : "");
    let text = "";
    /** What a constructor is named after; undefined where that is the end of `text`. */
    let last: string | undefined = "";
    let isTemplate = false;
    let isSpecial = false;
    while (!this.take("E")) {
      let remember = true;
      const { next } = this;
      if (next === "I") {
        if (text === "") this.fail();
        text = this.withArguments(text);
        isTemplate = true;
      } else {
        isTemplate = false;
        isSpecial = false;
        if (next === "S") {
          const code = this.text[this.pos + 1] ?? "";
          const standard = standardNames[code];
          text = textOf(this.substitution());
          last = undefined;
          if (standard && (this.next === "C" || this.next === "D")) {
            text = wholeStandardNames[code] ?? text;
          }
          remember = false;
        } else if (next === "T") {
          text = textOf(this.templateParam());
          last = undefined;
        } else if (next === "D" && (this.nextTwo === "Dt" || this.nextTwo === "DT")) {
          text = textOf(this.type());
          remember = false;
        } else {
          isSpecial = next === "C" || this.isDestructor();
          const part = this.unqualified(isSpecial ? withoutTags(last ?? lastPart(text)) : "");
          isSpecial ||= this.lastWasConversion;
          if (!isSpecial) last = part;
          text = text === "" ? part : `${text}::${part}`;
        }
      }
      this.bounded(text);
      if (remember && this.next !== "E") this.substitutions.push(plain(text));
      if (this.take("M") && this.next === "") this.fail();
    }
    return text === "" ? this.fail() : { text, suffix, isTemplate, isSpecial };
  }

  private localName(): Name {
    this.need("Z");
    const outer = this.encoding(true);
    this.need("E");
    if (this.take("s")) {
      this.discriminator();
      return { text: `${outer}::string literal`, suffix: "", isTemplate: false, isSpecial: false };
    }
    let prefix = "";
    if (this.take("d")) prefix = `{default arg#${this.sequence(10) + 1}}::`;
    const inner = this.name();
    this.discriminator();
    return { ...inner, text: `${outer}::${prefix}${inner.text}` };
  }

  private discriminator(): void {
    if (this.take("__")) {
      this.number();
      this.need("_");
    } else if (this.next === "_" && /\d/.test(this.text[this.pos + 1] ?? "")) this.pos += 2;
  }

  sourceName(): string {
    const length = this.number();
    const name = this.text.substring(this.pos, this.pos + length);
    if (length === 0 || name.length < length) this.fail();
    this.pos += length;
    return name.startsWith("_GLOBAL_") && /^_GLOBAL_[._$]N/.test(name) ? "(anonymous namespace)" : name;
  }

  /** `scope` is the last part of what the name stands in: constructors repeat it. */
  unqualified(scope: string): string {
    this.take("L");
    this.lastWasConversion = false;
    const { next } = this;
    let text: string;
    if (this.digit() >= 0) text = this.sourceName();
    else if (next === "C" || this.isDestructor()) {
      if (scope === "") this.fail();
      this.pos += 2;
      if (this.text[this.pos - 1] === "I") {
        this.pos++;
        this.type();
      }
      text = next === "C" ? scope : `~${scope}`;
    } else if (this.take("DC")) {
      const parts: string[] = [];
      while (!this.take("E")) parts.push(this.sourceName());
      text = `[${parts.join(", ")}]`;
    } else if (this.take("Ut")) text = `{unnamed type#${this.sequence(10) + 1}}`;
    else if (this.take("Ul")) text = this.lambda();
    else text = this.operatorName();
    return text + this.abiTags();
  }

  private isDestructor(): boolean {
    const code = this.text[this.pos] === "D" ? this.text.charCodeAt(this.pos + 1) : 0;
    return code >= 0x30 && code <= 0x35;
  }

  abiTags(): string {
    let tags = "";
    while (this.take("B")) tags += `[abi:${this.sourceName()}]`;
    return tags;
  }

  private lambda(): string {
    this.inLambda++;
    const parameters = this.parameters("E");
    this.inLambda--;
    this.need("E");
    return `{lambda(${parameters})#${this.sequence(10) + 1}}`;
  }

  private operatorName(): string {
    if (this.take("cv")) {
      const type = textOf(this.type());
      this.lastWasConversion = true;
      return `operator ${type}`;
    }
    if (this.take("li")) return `operator"" ${this.sourceName()}`;
    const operator = operators[this.nextTwo];
    if (!operator) return this.fail();
    this.pos += 2;
    return `operator${/^[a-z]/.test(operator[0]) ? " " : ""}${operator[0]}`;
  }

  substitution(): TypeText {
    this.need("S");
    const standard = standardNames[this.next];
    if (standard !== undefined) {
      this.pos++;
      return plain(standard);
    }
    return this.substitutions[this.sequence(36)] ?? this.fail();
  }

  templateParam(): TypeText {
    this.need("T");
    const index = this.sequence(10);
    if (this.inLambda > 0) return plain(`auto:${index + 1}`);
    const arg = this.templateArgs[index];
    if (!arg) return this.fail();
    if (!arg.pack || this.packIndex < 0) return arg;
    this.packLength = arg.pack.length;
    return arg.pack[this.packIndex] ?? plain("");
  }

  /** `operator<` and `operator<<` keep their distance. */
  private withArguments(name: string): string {
    return `${name}${name.endsWith("<") ? " " : ""}${this.templateArguments()}`;
  }

  templateArguments(): string {
    this.enter();
    this.need("I");
    const inLambda = this.inLambda;
    this.inLambda = 0;
    const args: TypeText[] = [];
    while (!this.take("E")) args.push(this.templateArgument());
    this.inLambda = inLambda;
    this.templateArgs = args;
    const text = listOf(args);
    this.leave();
    return this.bounded(text.endsWith(">") ? `<${text} >` : `<${text}>`);
  }

  private templateArgument(): TypeText {
    if (this.next === "L") return plain(this.literal());
    if (this.take("X")) {
      const expression = this.expression();
      this.need("E");
      return plain(expression);
    }
    if (!this.take("J")) return this.type();
    const pack: TypeText[] = [];
    while (!this.take("E")) pack.push(this.templateArgument());
    return { ...plain(""), pack };
  }
}

/** The class's own name at the end of a qualified one, without its template arguments. */
function lastPart(text: string): string {
  let depth = 0;
  let end = text.length;
  for (let i = text.length - 1; i >= 0; i--) {
    const char = text[i];
    if (char === ">" && text[i - 1] !== "-") {
      if (depth++ === 0 && i === end - 1) end = i;
    } else if (char === "<") {
      if (--depth === 0 && end >= i) end = i;
    } else if (char === ":" && depth === 0) return text.slice(i + 1, end);
  }
  return text.slice(0, end);
}

function withoutTags(name: string): string {
  const tag = name.indexOf("[abi:");
  return tag < 0 ? name : name.slice(0, tag);
}
