import { z } from "zod";
import { deepestNode, type Node, type ScalarNode, typeName } from "./node.js";
import type { PathPart, Position, ProblemList } from "./problem.js";
import { resolvePlainScalar } from "./scalar.js";
import { knownKeys, type SchemaView, schemasAt, viewSchema } from "./schema-view.js";
import { advice } from "./suggest.js";

/** Which part of the configuration is being validated, and how messages about it begin. */
export interface Scope {
  readonly path: readonly PathPart[];
  /** Starts a message about keys and types, e.g. `'exporters' error reading configuration for "debug": `. */
  readonly decoding: string;
  /** A path below this part, as messages about keys and types quote it. */
  name(path: readonly PropertyKey[]): string;
}

export function componentScope(section: string, id: string): Scope {
  return {
    path: [section, id],
    decoding: `'${section}' error reading configuration for "${id}": `,
    name: dotted,
  };
}

/** A part that the Collector decodes with the whole file: "service::telemetry". */
export function sectionScope(...path: readonly string[]): Scope {
  return { path, decoding: "", name: (below) => dotted([...path, ...below]) };
}

function dotted(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
}

type Issue = z.core.$ZodIssue;

/** Parses so that reportIssues can tell the library's words from a component's own. */
export function validate<T>(schema: z.ZodType<T>, input: unknown): z.ZodSafeParseResult<T> {
  return schema.safeParse(input, { reportInput: true });
}

/** Says what is wrong with `root`, which `issues` were found in, and where. `keyAt` is where the part begins. */
export function reportIssues(
  issues: readonly Issue[],
  input: { schema: z.ZodType; root: Node; keyAt: Position; scope: Scope },
  problems: ProblemList,
): void {
  for (const issue of issues) {
    const path = issue.path as PathPart[];
    const found = deepestNode(input.root, path);
    if (found.node.expanded?.failed) continue;
    const at = found.depth === 0 && path.length === 0 ? input.keyAt : found.depth === 0 ? input.keyAt : found.at;
    const where: Where = { ...input, path, at, node: found.depth === path.length ? found.node : undefined };
    for (const finding of describe(issue, where)) {
      problems.error(finding.at ?? at, [...input.scope.path, ...path], finding.message);
    }
  }
}

interface Where {
  readonly schema: z.ZodType;
  readonly root: Node;
  readonly scope: Scope;
  readonly path: readonly PathPart[];
  readonly at: Position;
  /** undefined where nothing is written at `path`. */
  readonly node: Node | undefined;
}

interface Finding {
  readonly message: string;
  readonly at?: Position;
}

function describe(issue: Issue, where: Where): Finding[] {
  if (!isDefaultMessage(issue)) return [{ message: validation(where, issue.message) }];
  switch (issue.code) {
    case "invalid_type":
      return [{ message: typeMessage(where, [expectedName(issue.expected)]) }];
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(key, where));
    case "invalid_value":
      return [{ message: choiceMessage(issue.values, where) }];
    case "invalid_union":
      return describeUnion(issue, where);
    case "too_small":
      return [
        { message: validation(where, boundMessage(where, issue.inclusive ? "at least" : "more than", issue.minimum)) },
      ];
    case "too_big":
      return [
        { message: validation(where, boundMessage(where, issue.inclusive ? "at most" : "less than", issue.maximum)) },
      ];
    default:
      return [{ message: validation(where, issue.message) }];
  }
}

const defaultMessages = z.locales.en().localeError;

/** False where the schema's author chose the words: they are passed on as they are. Needs issues with their input. */
function isDefaultMessage(issue: Issue): boolean {
  if (issue.code === "custom") return false;
  const text = defaultMessages(issue as never);
  return issue.message === (typeof text === "string" ? text : text?.message);
}

/** `exporters::otlp_grpc::retry_on_failure: message`; a key that the message itself names is not said twice. */
function validation(where: Where, message: string): string {
  const path = [...where.path];
  const last = path.at(-1);
  if (last !== undefined && namesKey(message, String(last))) path.pop();
  return `${[...where.scope.path, ...path].join("::")}: ${message}${originOf(where.node)}`;
}

/** True if the message begins with the key, or quotes it. */
function namesKey(message: string, key: string): boolean {
  return message.startsWith(`${key} `) || ["'", '"', "`"].some((quote) => message.includes(quote + key + quote));
}

function unknownKey(key: string, where: Where): Finding {
  const known = schemasAt(where.schema, where.path).flatMap(knownKeys);
  const at = where.node?.kind === "map" ? where.node.entries.get(key)?.keyAt : undefined;
  const message = `${where.scope.decoding}'${where.scope.name(where.path)}' has invalid keys: ${key}${advice(key, known)}`;
  return { message, at };
}

/** ` (from ${env:X})`, without a default, which may be a secret; nothing where the reference is part of a longer text. */
function originOf(node: Node | undefined): string {
  const match = /^\$\{((?:file|env):)?([^{}]*)\}$/.exec(node?.expanded?.written ?? "");
  if (!match) return "";
  const [, scheme = "", data] = match;
  if (scheme === "" && data.includes(":")) return ` (from \${${data.split(":", 1)[0]}:…})`;
  return ` (from \${${scheme}${data.split(":-", 1)[0]}})`;
}

const typeNames: Record<string, string> = {
  number: "float64",
  boolean: "bool",
  bigint: "int",
  array: "list",
  object: "map",
  record: "map",
};

function expectedName(expected: string): string {
  return typeNames[expected] ?? expected;
}

function typeMessage(where: Where, names: readonly string[]): string {
  const isDuration = viewsAt(where).some((view) => view.duration);
  if (isDuration && where.node) {
    const example = originOf(where.node) || ' (write a number with a unit, such as "5s")';
    const got = typeName(where.node);
    return `${where.scope.decoding}'${where.scope.name(where.path)}' expected type 'time.Duration', got unconvertible type '${got}'${example}`;
  }
  // The library asks for a number first and for an integer after; the operator is told at once which it is.
  const wanted = integerWanted(where) ? names.map((name) => (name === "float64" ? "int" : name)) : names;
  const expected = wanted.map((name) => `'${name}'`).join(" or ");
  const name = where.scope.name(where.path);
  if (!where.node) return `${where.scope.decoding}'${name}' is required (expected type ${expected})`;
  const got = typeName(where.node);
  const hint = typeHint(wanted, where.node);
  return `${where.scope.decoding}'${name}' expected type ${expected}, got unconvertible type '${got}'${hint}`;
}

function viewsAt(where: Where): SchemaView[] {
  return schemasAt(where.schema, where.path).map(viewSchema);
}

function integerWanted(where: Where): boolean {
  return viewsAt(where).some((view) => view.leaves.some((leaf) => leaf.type === "number" && leaf.integer));
}

function typeHint(expected: readonly string[], node: Node): string {
  if (node.expanded) return originOf(node);
  const got = typeName(node);
  if (expected.includes("string") && ["int", "float64", "bool"].includes(got)) return " (put it in quotes)";
  if (got === "string" && typeof (node as ScalarNode).value === "string") {
    const plain = resolvePlainScalar((node as ScalarNode).value as string);
    const meant = typeName({ ...(node as ScalarNode), value: plain });
    if (expected.includes(meant)) return " (remove the quotes)";
    if (expected.includes("bool")) return " (write true or false)";
  }
  if (expected.includes("list") && node.kind === "scalar") return " (write it as [a, b] or as lines that start with -)";
  if (expected.includes("map") && node.kind === "list") return " (remove the leading -)";
  return "";
}

function choiceMessage(values: readonly unknown[], where: Where): string {
  const node = where.node;
  const texts = values.filter((value) => typeof value === "string");
  if (texts.length === values.length && node && typeName(node) !== "string" && !node.expanded) {
    return typeMessage(where, ["string"]);
  }
  const choices = values.map((value) => (typeof value === "string" ? `"${value}"` : String(value))).join(", ");
  const name = dotted(where.path.slice(-1));
  if (!node) return validation(where, `'${name}' is required: one of ${choices}`);
  const secret = viewsAt(where).some((view) => view.secret);
  const text = node.kind === "scalar" && !secret ? (node.expanded?.text ?? String(node.value)) : undefined;
  const got = text === undefined ? "" : `, got "${text}"`;
  const near = text === undefined ? "" : advice(text, texts).replace(/ \(valid: .*/, "");
  return validation(where, `'${name}' must be ${values.length > 1 ? "one of " : ""}${choices}${got}${near}`);
}

function boundMessage(where: Where, relation: string, bound: number | bigint): string {
  const name = dotted(where.path.slice(-1));
  const counted = where.node && (where.node.kind === "list" || typeName(where.node) === "string");
  return `'${name}' must ${counted ? "have" : "be"} ${relation} ${bound}${counted ? (where.node?.kind === "list" ? " items" : " characters") : ""}`;
}

/** The branch that the value came furthest in speaks; where none took its type, all types are named. */
function describeUnion(issue: Extract<Issue, { code: "invalid_union" }>, where: Where): Finding[] {
  const branches = issue.errors as Issue[][];
  const types: string[] = [];
  let nearest: Issue[] | undefined;
  for (const branch of branches) {
    const mismatch = branch.find((each) => each.code === "invalid_type" && each.path.length === 0);
    if (mismatch?.code === "invalid_type") types.push(expectedName(mismatch.expected));
    else if (!nearest || branch.length < nearest.length) nearest = branch;
  }
  if (!nearest) {
    return types.length > 0
      ? [{ message: typeMessage(where, [...new Set(types)]) }]
      : [{ message: validation(where, issue.message) }];
  }
  return nearest.flatMap((each) => {
    const path = [...where.path, ...(each.path as PathPart[])];
    const found = deepestNode(where.root, path);
    const node = found.depth === path.length ? found.node : undefined;
    return describe(each, { ...where, path, node }).map((finding) => ({
      at: finding.at ?? found.at,
      message: finding.message,
    }));
  });
}
