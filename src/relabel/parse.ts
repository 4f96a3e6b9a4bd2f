import { compileRegExp, RegExpSyntaxError } from "../regexp/regexp.js";
import type { RawValue } from "./raw-value.js";
import { type Action, actions, RelabelConfigError, type RelabelRule } from "./rule.js";

interface RuleFields {
  action: string;
  sourceLabels: string[] | undefined;
  separator: string;
  /** undefined = the default. */
  regex: string | undefined;
  modulus: bigint;
  targetLabel: string;
  replacement: string;
}

/**
 * Reads and checks a list of rules as Prometheus does (UnmarshalStrict, then Validate with UTF-8 names). All scalars are
 * taken as text by the string fields. Throws RelabelConfigError with the library's text; where the YAML reader itself
 * refuses, the text begins with "yaml: unmarshal errors:" and names the rule, counted from 1.
 */
export function parseRelabelRules(raw: RawValue): RelabelRule[] {
  const reader = new RuleReader();
  const fields = reader.ruleList(raw);
  if (reader.typeErrors.length > 0) {
    throw new RelabelConfigError(`yaml: unmarshal errors:\n  ${reader.typeErrors.join("\n  ")}`);
  }
  return fields.map(checkRule);
}

/** Collects what has a wrong type and reads on; what has the right type and a wrong meaning is thrown at once. */
class RuleReader {
  readonly typeErrors: string[] = [];
  #rule = 0;

  ruleList(raw: RawValue): (RuleFields | undefined)[] {
    if (isNull(raw)) return [];
    if (raw.kind !== "list") {
      this.typeErrors.push(`cannot unmarshal ${describe(raw)} into []*relabel.Config`);
      return [];
    }
    return raw.items.map((item, index) => {
      this.#rule = index + 1;
      return isNull(item) ? undefined : this.rule(item);
    });
  }

  rule(raw: RawValue): RuleFields | undefined {
    if (raw.kind !== "map") {
      this.mismatch(raw, "relabel.plain");
      return undefined;
    }
    const fields: RuleFields = {
      action: "replace",
      sourceLabels: undefined,
      separator: ";",
      regex: undefined,
      modulus: 0n,
      targetLabel: "",
      replacement: "$1",
    };
    const seen = new Set<string>();
    for (const [key, value] of raw.entries) {
      if (seen.has(key)) this.fault(`field ${key} already set in type relabel.plain`);
      else this.field(fields, key, value);
      seen.add(key);
    }
    return fields;
  }

  field(fields: RuleFields, key: string, value: RawValue): void {
    switch (key) {
      case "action":
        fields.action = this.action(value);
        break;
      case "source_labels":
        fields.sourceLabels = this.labelNames(value);
        break;
      case "separator":
        fields.separator = this.text(value) ?? "";
        break;
      case "regex":
        fields.regex = this.regex(value);
        break;
      case "modulus":
        fields.modulus = this.modulus(value);
        break;
      case "target_label":
        fields.targetLabel = this.text(value) ?? "";
        break;
      case "replacement":
        fields.replacement = this.text(value) ?? "";
        break;
      default:
        this.fault(`field ${key} not found in type relabel.plain`);
    }
  }

  action(value: RawValue): string {
    const text = this.text(value);
    if (text === undefined || isNull(value)) return "";
    const action = text.toLowerCase();
    if (!(actions as readonly string[]).includes(action)) {
      throw new RelabelConfigError(`unknown relabel action ${JSON.stringify(text)}`);
    }
    return action;
  }

  labelNames(value: RawValue): string[] | undefined {
    if (isNull(value)) return undefined;
    if (value.kind !== "list") {
      this.mismatch(value, "model.LabelNames");
      return undefined;
    }
    return value.items.map((item) => {
      const name = this.text(item) ?? "";
      if (name === "" && item.kind === "scalar" && !isNull(item)) {
        throw new RelabelConfigError('"" is not a valid label name');
      }
      return name;
    });
  }

  regex(value: RawValue): string {
    const text = this.text(value) ?? "";
    if (!isNull(value)) compileAnchored(text);
    return text;
  }

  modulus(value: RawValue): bigint {
    if (value.kind === "scalar") {
      if (value.value === null) return 0n;
      if (typeof value.value === "bigint" && value.value >= 0n && value.value < 1n << 64n) return value.value;
      if (typeof value.value === "number" && value.value <= 2 ** 64) return floatToUint64(value.value);
    }
    this.mismatch(value, "uint64");
    return 0n;
  }

  /** The text of any scalar; "" for null; undefined (and noted) for a list or a map. */
  text(value: RawValue): string | undefined {
    if (value.kind === "scalar") return value.type === "null" ? "" : value.text;
    this.mismatch(value, "string");
    return undefined;
  }

  mismatch(value: RawValue, wanted: string): void {
    this.fault(`cannot unmarshal ${describe(value)} into ${wanted}`);
  }

  fault(message: string): void {
    this.typeErrors.push(`rule ${this.#rule}: ${message}`);
  }
}

/** Go's conversion on amd64: the fraction is cut, and what doesn't fit wraps. */
function floatToUint64(number: number): bigint {
  const half = 2 ** 63;
  if (number >= 2 * half) return 2n ** 63n;
  const toInt64 = (part: number): bigint => (part >= -half && part < half ? BigInt(Math.trunc(part)) : -(2n ** 63n));
  return BigInt.asUintN(64, number < half ? toInt64(number) : toInt64(number - half) + 2n ** 63n);
}

function isNull(value: RawValue): boolean {
  return value.kind === "scalar" && value.type === "null";
}

const scalarTags = { string: "str", int: "int", float: "float", bool: "bool", null: "null" } as const;

function describe(value: RawValue): string {
  if (value.kind === "list") return "!!seq";
  if (value.kind === "map") return "!!map";
  const text = value.text.length > 10 ? `${value.text.slice(0, 7)}...` : value.text;
  return `!!${scalarTags[value.type]} \`${text}\``;
}

/** Prometheus' anchoring: unbalanced parentheses that balance once wrapped un-anchor a pattern, there as here. */
function compileAnchored(regex: string) {
  try {
    return compileRegExp(`^(?s:${regex})$`);
  } catch (caught) {
    if (caught instanceof RegExpSyntaxError) throw new RelabelConfigError(caught.message);
    throw caught;
  }
}

const needTarget: readonly string[] = ["replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal"];
const noReplacement: readonly string[] = ["lowercase", "uppercase", "keepequal", "dropequal"];

function checkRule(fields: RuleFields | undefined): RelabelRule {
  if (fields === undefined) throw new RelabelConfigError("empty or null target relabeling rule in scrape config");
  const { action, modulus, targetLabel, replacement } = fields;
  const refuse = (message: string): never => {
    throw new RelabelConfigError(message);
  };
  if (action === "") refuse("relabel action cannot be empty");
  if (modulus === 0n && action === "hashmod") refuse("relabel configuration for hashmod requires non-zero modulus");
  if (needTarget.includes(action) && targetLabel === "") {
    refuse(`relabel configuration for ${action} action requires 'target_label' value`);
  }
  if (noReplacement.includes(action) && replacement !== "$1") {
    refuse(`'replacement' can not be set for ${action} action`);
  }
  if (action === "labelmap" && replacement === "") refuse(`"" is invalid 'replacement' for labelmap action`);
  const plain = modulus === 0n && fields.separator === ";" && replacement === "$1";
  if ((action === "keepequal" || action === "dropequal") && !(plain && fields.regex === undefined)) {
    refuse(`${action} action requires only 'source_labels' and \`target_label\`, and no other fields`);
  }
  if (
    (action === "labeldrop" || action === "labelkeep") &&
    !(plain && fields.sourceLabels === undefined && targetLabel === "")
  ) {
    refuse(`${action} action requires only 'regex', and no other fields`);
  }
  return {
    action: action as Action,
    sourceLabels: fields.sourceLabels ?? [],
    separator: fields.separator,
    regex: compileAnchored(fields.regex ?? "(.*)"),
    modulus,
    targetLabel,
    replacement,
  };
}
