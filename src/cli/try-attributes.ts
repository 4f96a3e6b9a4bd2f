import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import type { AttributeAction } from "../attributes/action.js";
import {
  applyAttributeAction,
  applyAttributeActions,
  type ContextValues,
  noContextValues,
} from "../attributes/engine.js";
import { parseAttributeActions } from "../attributes/parse.js";
import { parseYamlValue } from "../config/yaml-value.js";
import type { KeyValue } from "../pdata/any-value.js";
import { type JsonValue, parseJsonValue } from "./json-value.js";
import { answerLines, maxLineBytes } from "./ndjson.js";
import { formatOtlpAttributes, parseOtlpAttributes } from "./otlp-json.js";
import { memberOf, optionalMemberOf, plainFromJson, sectionOf } from "./try-input.js";

export interface TryAttributesArgs {
  /** A YAML file with a list of actions, or with the list under `actions` or `attributes`. */
  readonly actions?: string;
  /** A JSON file with the attributes, as OTLP/JSON writes them. */
  readonly input?: string;
}

/**
 * `flamepipe try attributes`. With an actions file: prints what each action does to the input's attributes. Without:
 * answers lines of {"actions": […], "input": […], "metadata": {…}} on stdin. Resolves with the exit code.
 */
export async function runTryAttributes(
  args: TryAttributesArgs,
  stdin: Readable,
  stdout: Writable,
  stderr: Writable = process.stderr,
): Promise<number> {
  if (args.actions === undefined) {
    await answerLines(stdin, stdout, answerAttributes);
    return 0;
  }
  try {
    const file = parseYamlValue(readFileSync(args.actions, "utf8"));
    const actions = parseAttributeActions(sectionOf(file, ["actions", "attributes"]));
    const input = args.input === undefined ? "[]" : readFileSync(args.input, "utf8");
    stdout.write(explainAttributes(actions, parseOtlpAttributes(parseJsonValue(input))));
    return 0;
  } catch (caught) {
    stderr.write(`Error: ${(caught as Error).message}\n`);
    return 1;
  }
}

/** One line of input to one line of output, without the newline. */
export function answerAttributes(line: string | undefined): string {
  try {
    if (line === undefined) throw new Error(`line is longer than ${maxLineBytes} bytes`);
    const request = parseJsonValue(line);
    const actions = parseAttributeActions(plainFromJson(memberOf(request, "actions")));
    const input = parseOtlpAttributes(memberOf(request, "input"));
    const context = contextOf(optionalMemberOf(request, "metadata"));
    return `{"output":${formatOtlpAttributes(applyAttributeActions(actions, input, context))}}`;
  } catch (caught) {
    return `{"error":${JSON.stringify((caught as Error).message)}}`;
  }
}

function contextOf(json: JsonValue | undefined): ContextValues {
  if (json === undefined || (json.kind === "scalar" && json.type === "null")) return noContextValues;
  if (json.kind !== "map") throw new Error("metadata must be an object of header values");
  const metadata = new Map<string, string[]>();
  for (const [key, value] of json.entries) {
    const values = value.kind === "list" ? value.items : [value];
    metadata.set(
      key.toLowerCase(),
      values.map((each) => (each.kind === "scalar" ? each.text : "")),
    );
  }
  return { metadata: (key) => metadata.get(key.toLowerCase()), auth: () => undefined, address: "" };
}

function explainAttributes(actions: readonly AttributeAction[], input: readonly KeyValue[]): string {
  let list = input;
  let out = `in        ${formatOtlpAttributes(list)}\n`;
  for (const [index, action] of actions.entries()) {
    const next = applyAttributeAction(action, list, noContextValues);
    out += `action ${String(index + 1).padEnd(2)} ${describeAction(action)}\n${describeChanges(list, next)}`;
    list = next;
  }
  return `${out}out       ${formatOtlpAttributes(list)}\n`;
}

function describeAction(action: AttributeAction): string {
  const parts: string[] = [action.action];
  if (action.key !== "") parts.push(`key=${action.key}`);
  if ("pattern" in action && action.pattern) parts.push(`pattern=${JSON.stringify(action.pattern.source)}`);
  if (action.action === "convert") parts.push(`converted_type=${action.convertedType}`);
  return parts.join(" ");
}

function describeChanges(before: readonly KeyValue[], after: readonly KeyValue[]): string {
  if (before === after) return "          no change\n";
  let out = "";
  for (const each of before) {
    if (!after.some((other) => other.key === each.key)) out += `          - ${formatOtlpAttributes([each])}\n`;
  }
  for (const each of after) {
    if (before.includes(each)) continue;
    const sign = before.some((other) => other.key === each.key) ? "~" : "+";
    out += `          ${sign} ${formatOtlpAttributes([each])}\n`;
  }
  return out;
}
