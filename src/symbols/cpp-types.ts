import { plain, type TypeText, textOf } from "./cpp-cursor.js";
import { CppNames } from "./cpp-names.js";
import { builtinTypes } from "./cpp-words.js";

/** Types of the grammar. */
export class CppTypes extends CppNames {
  override type(): TypeText {
    this.enter();
    const args = this.templateArgs;
    const type = this.anyType();
    this.templateArgs = args;
    this.leave();
    return type;
  }

  private remembered(type: TypeText): TypeText {
    this.bounded(type.left);
    this.bounded(type.right);
    this.substitutions.push(type);
    return type;
  }

  private anyType(): TypeText {
    const { next } = this;
    const code = next === "D" ? this.nextTwo : next;
    const builtin = builtinTypes[code];
    if (builtin !== undefined) {
      this.pos += code.length;
      return plain(builtin);
    }
    switch (next) {
      case "r":
      case "V":
      case "K":
        return this.remembered(this.qualified());
      case "P":
        this.pos++;
        return this.remembered(pointer(this.type(), "*"));
      case "R":
        this.pos++;
        return this.remembered(reference(this.type(), "lvalue"));
      case "O":
        this.pos++;
        return this.remembered(reference(this.type(), "rvalue"));
      case "C":
      case "G":
        this.pos++;
        return this.remembered(plain(`${textOf(this.type())} ${next === "C" ? "_Complex" : "_Imaginary"}`));
      case "F":
        return this.remembered(this.functionType(""));
      case "A":
        return this.remembered(this.arrayType());
      case "M":
        return this.remembered(this.memberPointer());
      case "u":
        this.pos++;
        return this.remembered(plain(this.sourceName()));
      case "U":
        this.pos++;
        return this.remembered(this.vendorQualified());
      case "D":
        return this.extended(code);
      case "T":
        return this.templateParamType();
      case "S":
        if (this.nextTwo !== "St") return this.substitutedType();
    }
    return this.remembered(plain(this.name().text));
  }

  private qualified(): TypeText {
    const qualifiers = this.qualifiers();
    if (this.next === "F" || this.nextTwo === "Do") return this.functionType(qualifiers);
    const type = this.type();
    if (type.kind === "lvalue" || type.kind === "rvalue") return type;
    return type.kind === "array"
      ? { ...type, left: `${type.left}${qualifiers}` }
      : { ...type, left: type.left + qualifiers };
  }

  /** `qualifiers` are those of the function itself. */
  private functionType(qualifiers: string): TypeText {
    const noexcept = this.take("Do") ? " noexcept" : "";
    this.need("F");
    this.take("Y");
    const result = this.type();
    const parameters = this.parameters("E");
    const suffix = this.take("RE") ? " &" : this.take("OE") ? " &&" : "";
    if (suffix === "") this.need("E");
    return {
      left: `${result.left} `,
      right: `(${parameters})${qualifiers}${suffix}${noexcept}${result.right}`,
      kind: "fn",
    };
  }

  private arrayType(): TypeText {
    this.need("A");
    let size = "";
    if (this.next !== "_") size = /\d/.test(this.next) ? String(this.number()) : this.expression();
    this.need("_");
    const element = this.type();
    if (element.kind === "array") {
      return { left: element.left, right: ` [${size}]${element.right.trimStart()}`, kind: "array" };
    }
    return { left: element.left, right: ` [${size}]${element.right}`, kind: "array" };
  }

  private memberPointer(): TypeText {
    this.need("M");
    const owner = textOf(this.type());
    const member = this.type();
    if (member.kind === "fn") {
      return { left: `${member.left}(${owner}::*`, right: `)${member.right}`, kind: "plain" };
    }
    return { left: `${member.left} ${owner}::*`, right: member.right, kind: "plain" };
  }

  private vendorQualified(): TypeText {
    const name = this.sourceName();
    const args = this.next === "I" ? this.templateArguments() : "";
    const type = this.type();
    return { ...type, left: `${type.left} ${name}${args}` };
  }

  private extended(code: string): TypeText {
    switch (code) {
      case "Dp":
        this.pos += 2;
        return this.expansion();
      case "Dt":
      case "DT": {
        this.pos += 2;
        const expression = this.expression();
        this.need("E");
        return this.remembered(plain(`decltype (${expression})`));
      }
      case "Do":
        return this.remembered(this.functionType(""));
      case "DF": {
        this.pos += 2;
        const bits = this.number();
        if (this.take("b")) return plain("std::bfloat16_t");
        const extended = this.take("x");
        this.need("_");
        return plain(`_Float${bits}${extended ? "x" : ""}`);
      }
      case "Dv": {
        this.pos += 2;
        const size = this.take("_") ? this.expression() : String(this.number());
        this.need("_");
        return this.remembered(plain(`${textOf(this.type())} __vector(${size})`));
      }
      default:
        return this.fail();
    }
  }

  /** A pattern with a pack in it is read again for every element of the pack. */
  private expansion(): TypeText {
    const outer = { index: this.packIndex, length: this.packLength };
    const start = this.pos;
    this.packIndex = 0;
    this.packLength = -1;
    const first = this.type();
    const end = this.pos;
    const length = this.packLength;
    const known = this.substitutions.length;
    const elements = length === 0 ? [] : [first];
    for (let i = 1; i < length; i++) {
      this.packIndex = i;
      this.pos = start;
      elements.push(this.type());
      this.substitutions.length = known;
    }
    this.pos = end;
    this.packIndex = outer.index;
    this.packLength = outer.length;
    return this.remembered(length < 0 ? plain(`${textOf(first)}...`) : { ...plain(""), pack: elements });
  }

  private templateParamType(): TypeText {
    if ("sue".includes(this.nextTwo[1] ?? "-")) {
      this.pos += 2;
      return this.remembered(plain(this.name().text));
    }
    const type = this.remembered(this.templateParam());
    if (this.next !== "I") return type;
    return this.remembered(plain(textOf(type) + this.templateArguments()));
  }

  private substitutedType(): TypeText {
    const type = this.substitution();
    if (this.next === "I") return this.remembered(plain(textOf(type) + this.templateArguments()));
    // A standard abbreviation with ABI tags is a name of its own.
    return this.next === "B" ? this.remembered(plain(textOf(type) + this.abiTags())) : type;
  }
}

function pointer(type: TypeText, mark: string): TypeText {
  if (type.pack) return { ...type, pack: type.pack.map((each) => pointer(each, mark)) };
  if (type.kind === "fn") return { left: `${type.left}(${mark}`, right: `)${type.right}`, kind: "plain" };
  if (type.kind === "array") return { left: `${type.left} (${mark}`, right: `)${type.right}`, kind: "plain" };
  return { left: type.left + mark, right: type.right, kind: "plain" };
}

/** References to references collapse: only && to && stays &&. */
function reference(type: TypeText, kind: "lvalue" | "rvalue"): TypeText {
  if (type.pack) return { ...type, pack: type.pack.map((each) => reference(each, kind)) };
  if (type.kind === "lvalue" || (type.kind === "rvalue" && kind === "rvalue")) return type;
  if (type.kind === "rvalue") {
    const at = type.left.lastIndexOf("&&");
    return { left: `${type.left.slice(0, at)}&${type.left.slice(at + 2)}`, right: type.right, kind };
  }
  return { ...pointer(type, kind === "lvalue" ? "&" : "&&"), kind };
}
