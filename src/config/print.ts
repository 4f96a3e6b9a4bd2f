import { Document, Pair, Scalar, YAMLMap, YAMLSeq } from "yaml";
import type { z } from "zod";
import type { AnyFactory, Factories } from "../component/factory.js";
import { findFactory, sectionNames } from "./components.js";
import { parseId } from "./id.js";
import type { Entry, Node, ScalarValue } from "./node.js";
import { resolvePlainScalar } from "./scalar.js";
import { childSchemas, viewSchema } from "./schema-view.js";

export interface PrintOptions {
  /** "redacted" hides whatever a schema marks as secret, and passwords in URLs. */
  readonly mode: "redacted" | "unredacted";
  readonly format: "yaml" | "json";
}

const redacted = "[REDACTED]";

/**
 * The configuration as merged and expanded (LoadResult.document), without defaults. A secret that is a plain reference
 * is printed as that reference. YAML output reads back to the same configuration, but for the secrets.
 */
export function printConfig(document: Node, factories: Factories, options: PrintOptions): string {
  const tree = options.mode === "redacted" ? redactDocument(document, factories) : toPrintable(document);
  return options.format === "json" ? `${toJson(tree, "")}\n` : toYaml(tree);
}

/** What is printed: literal text, or a reference kept as it was written. */
type Printable = ScalarValue | Reference | Printable[] | Map<string, Printable>;

interface Reference {
  readonly reference: string;
}

function toPrintable(node: Node): Printable {
  return redact(node, []);
}

function redactDocument(root: Node, factories: Factories): Printable {
  if (root.kind !== "map") return redact(root, []);
  const out = new Map<string, Printable>();
  for (const [key, entry] of root.entries) {
    const section = sectionNames.find((each) => each === key);
    if (section) out.set(key, redactSection(entry.value, factories[section]));
    else out.set(key, hideUrls(redactHeaders(entry)));
  }
  return out;
}

function redactSection(node: Node, factories: readonly AnyFactory[]): Printable {
  if (node.kind !== "map") return redact(node, []);
  const out = new Map<string, Printable>();
  for (const [id, entry] of node.entries) {
    const parsed = parseId(id);
    const factory = "error" in parsed ? undefined : findFactory(factories, parsed.type);
    // Nothing is known about what an unknown component keeps secret.
    out.set(id, factory ? hideUrls(redact(entry.value, [factory.schema as z.ZodType])) : redacted);
  }
  return out;
}

function redact(node: Node, schemas: readonly z.ZodType[]): Printable {
  if (schemas.some((schema) => viewSchema(schema).secret)) return hide(node);
  if (node.kind === "scalar") return schemas.some(holdsSecrets) ? hide(node) : node.value;
  const below = (part: string | number) => schemas.flatMap((schema) => childSchemas(schema, part));
  if (node.kind === "list") return node.items.map((item, index) => redact(item, below(index)));
  return new Map([...node.entries].map(([key, entry]) => [key, redact(entry.value, below(key))]));
}

/** A list of secrets may be written as one string with commas. */
function holdsSecrets(schema: z.ZodType): boolean {
  return viewSchema(schema).leaves.some(
    (leaf) => leaf.type === "array" && leaf.element !== undefined && viewSchema(leaf.element).secret,
  );
}

function hide(node: Node): Printable {
  if (node.kind === "scalar" && node.value === null) return null;
  const written = node.expanded?.written;
  const isPlain = written !== undefined && /^\$\{[^{}]*\}$/.test(written);
  // A default is part of the file, and may be the secret itself; so may the text of a yaml: reference.
  const isName = isPlain && !written.includes(":-") && !written.startsWith("${yaml:");
  return isName ? { reference: written } : redacted;
}

/** service.telemetry has no schema for what other exporters send: whatever stands in `headers` is hidden. */
function redactHeaders(entry: Entry): Printable {
  const walk = (node: Node, hidden: boolean): Printable => {
    if (node.kind === "scalar") return hidden ? hide(node) : node.value;
    if (node.kind === "list") return node.items.map((item) => walk(item, hidden));
    const pairs = [...node.entries].map(([key, child]): [string, Printable] => {
      const isName = hidden && key === "name" && node.entries.has("value");
      return [key, walk(child.value, (hidden && !isName) || key === "headers" || key === "headers_list")];
    });
    return new Map(pairs);
  };
  return walk(entry.value, false);
}

/** user:password@ in URLs. */
function hideUrls(value: Printable): Printable {
  if (typeof value === "string") return value.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, `$1${redacted}@`);
  if (Array.isArray(value)) return value.map(hideUrls);
  if (value instanceof Map) return new Map([...value].map(([key, child]) => [key, hideUrls(child)]));
  return value;
}

function toYaml(tree: Printable): string {
  const document = new Document();
  document.contents = yamlNode(tree) as never;
  return document.toString({ lineWidth: 0, nullStr: "null" });
}

function yamlNode(value: Printable): Scalar | YAMLMap | YAMLSeq {
  if (Array.isArray(value)) {
    const list = new YAMLSeq();
    list.items = value.map(yamlNode);
    list.flow = value.length === 0;
    return list;
  }
  if (value instanceof Map) {
    const map = new YAMLMap();
    map.items = [...value].map(([key, child]) => new Pair(textScalar(key), yamlNode(child)));
    map.flow = value.size === 0;
    return map;
  }
  if (isReference(value)) return new Scalar(value.reference);
  return typeof value === "string" ? textScalar(escapeDollars(value)) : new Scalar(value);
}

function isReference(value: Printable): value is Reference {
  return typeof value === "object" && value !== null && "reference" in value;
}

/** Quoted wherever the plain text would be read as something else. */
function textScalar(text: string): Scalar {
  const scalar = new Scalar(text);
  if (resolvePlainScalar(text) !== text || text === "<<") scalar.type = "QUOTE_DOUBLE";
  return scalar;
}

/** So that reading it again gives the same text. */
function escapeDollars(text: string): string {
  return text.includes("$$") || text.includes("${") ? text.replaceAll("$", "$$$$") : text;
}

function toJson(value: Printable, indent: string): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[\n${value.map((item) => inner + toJson(item, inner)).join(",\n")}\n${indent}]`;
  }
  if (value instanceof Map) {
    if (value.size === 0) return "{}";
    const pairs = [...value].map(([key, child]) => `${inner}${JSON.stringify(key)}: ${toJson(child, inner)}`);
    return `{\n${pairs.join(",\n")}\n${indent}}`;
  }
  if (isReference(value)) return JSON.stringify(value.reference);
  if (typeof value === "bigint") return value.toString();
  return JSON.stringify(value);
}
