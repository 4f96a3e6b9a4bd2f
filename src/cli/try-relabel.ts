import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { parseYamlValue } from "../config/yaml-value.js";
import { applyRule, relabel } from "../relabel/engine.js";
import { compareUtf8, LabelBuilder } from "../relabel/label-builder.js";
import { parseRelabelRules } from "../relabel/parse.js";
import { type RawValue, rawFromPlain } from "../relabel/raw-value.js";
import type { RelabelRule } from "../relabel/rule.js";
import { parseJsonValue } from "./json-value.js";
import { answerLines, maxLineBytes } from "./ndjson.js";
import { memberOf, sectionOf } from "./try-input.js";

export interface TryRelabelArgs {
  /** A YAML file with a list of rules, or with the list under `rules`. */
  readonly rules?: string;
  /** name=value each. */
  readonly labels?: readonly string[];
}

/**
 * `flamepipe try relabel`. With a rules file: prints what each rule does to the labels. Without: answers lines of
 * {"rules": […], "input": {…}} on stdin. Resolves with the exit code.
 */
export async function runTryRelabel(
  args: TryRelabelArgs,
  stdin: Readable,
  stdout: Writable,
  stderr: Writable = process.stderr,
): Promise<number> {
  if (args.rules === undefined) {
    await answerLines(stdin, stdout, answerRelabel);
    return 0;
  }
  try {
    const rules = parseRelabelRules(
      rawFromPlain(sectionOf(parseYamlValue(readFileSync(args.rules, "utf8")), ["rules"])),
    );
    stdout.write(explainRelabel(rules, parseLabelArgs(args.labels ?? [])));
    return 0;
  } catch (caught) {
    stderr.write(`Error: ${(caught as Error).message}\n`);
    return 1;
  }
}

/** One line of input to one line of output, without the newline. */
export function answerRelabel(line: string | undefined): string {
  try {
    if (line === undefined) throw new Error(`line is longer than ${maxLineBytes} bytes`);
    const request = parseJsonValue(line);
    const rules = parseRelabelRules(memberOf(request, "rules"));
    const labels = new LabelBuilder(parseLabels(memberOf(request, "input")));
    return relabel(rules, labels) ? `{"output":${formatLabels(labels)}}` : '{"output":null}';
  } catch (caught) {
    return `{"error":${JSON.stringify((caught as Error).message)}}`;
  }
}

function parseLabels(input: RawValue): Map<string, string> {
  if (input.kind !== "map") throw new Error("input must be an object of labels");
  const labels = new Map<string, string>();
  for (const [name, value] of input.entries) {
    if (value.kind !== "scalar") throw new Error(`the value of label ${JSON.stringify(name)} must be a scalar`);
    labels.set(name, value.type === "null" ? "" : value.text);
  }
  return labels;
}

function parseLabelArgs(args: readonly string[]): Map<string, string> {
  const labels = new Map<string, string>();
  for (const arg of args) {
    const equals = arg.indexOf("=");
    if (equals < 0) throw new Error(`--labels takes name=value, got ${JSON.stringify(arg)}`);
    labels.set(arg.slice(0, equals), arg.slice(equals + 1));
  }
  return labels;
}

function sortedLabels(labels: LabelBuilder): [string, string][] {
  return labels.snapshot().sort((a, b) => compareUtf8(a[0], b[0]));
}

function formatLabels(labels: LabelBuilder): string {
  const members = sortedLabels(labels).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return `{${members.join(",")}}`;
}

function explainRelabel(rules: readonly RelabelRule[], input: ReadonlyMap<string, string>): string {
  const labels = new LabelBuilder(input);
  let out = `in      ${braces(labels)}\n`;
  for (const [index, rule] of rules.entries()) {
    const before = labels.labels();
    out += `rule ${String(index + 1).padEnd(2)} ${describeRule(rule)}\n`;
    if (!applyRule(rule, labels)) return `${out}        dropped\nout     (dropped)\n`;
    const changes = describeChanges(before, labels.labels());
    out += changes === "" ? "        no change\n" : changes;
  }
  return `${out}out     ${braces(labels)}\n`;
}

function braces(labels: LabelBuilder): string {
  return `{${sortedLabels(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(", ")}}`;
}

function describeRule(rule: RelabelRule): string {
  const parts: string[] = [rule.action];
  if (rule.sourceLabels.length > 0) parts.push(`source_labels=[${rule.sourceLabels.join(", ")}]`);
  // The anchors ^(?s: and )$ are not the operator's.
  const regex = rule.regex.source.slice(5, -2);
  if (regex !== "(.*)") parts.push(`regex=${JSON.stringify(regex)}`);
  if (rule.targetLabel !== "") parts.push(`target_label=${rule.targetLabel}`);
  if (rule.replacement !== "$1") parts.push(`replacement=${JSON.stringify(rule.replacement)}`);
  if (rule.modulus !== 0n) parts.push(`modulus=${rule.modulus}`);
  return parts.join(" ");
}

function describeChanges(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string {
  let out = "";
  for (const [name, value] of before) {
    const now = after.get(name);
    if (now === undefined) out += `        - ${name}=${JSON.stringify(value)}\n`;
    else if (now !== value) out += `        ~ ${name}=${JSON.stringify(now)} (was ${JSON.stringify(value)})\n`;
  }
  for (const [name, value] of after) if (!before.has(name)) out += `        + ${name}=${JSON.stringify(value)}\n`;
  return out;
}
