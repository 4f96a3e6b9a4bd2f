import { createHash } from "node:crypto";
import type { LabelBuilder } from "./label-builder.js";
import { toLowerSimple, toUpperSimple } from "./letter-case.js";
import type { RelabelRule } from "./rule.js";

/** Applies the rules in order; false as soon as one drops the label set. */
export function relabel(rules: readonly RelabelRule[], labels: LabelBuilder): boolean {
  for (const rule of rules) if (!applyRule(rule, labels)) return false;
  return true;
}

/** Applies one rule; false if it drops the label set. */
export function applyRule(rule: RelabelRule, labels: LabelBuilder): boolean {
  switch (rule.action) {
    case "replace":
      replace(rule, labels, sourceValue(rule, labels));
      return true;
    case "keep":
      return rule.regex.test(sourceValue(rule, labels));
    case "drop":
      return !rule.regex.test(sourceValue(rule, labels));
    case "keepequal":
      return labels.get(rule.targetLabel) === sourceValue(rule, labels);
    case "dropequal":
      return labels.get(rule.targetLabel) !== sourceValue(rule, labels);
    case "hashmod":
      labels.set(rule.targetLabel, hashMod(sourceValue(rule, labels), rule.modulus));
      return true;
    case "lowercase":
      labels.set(rule.targetLabel, toLowerSimple(sourceValue(rule, labels)));
      return true;
    case "uppercase":
      labels.set(rule.targetLabel, toUpperSimple(sourceValue(rule, labels)));
      return true;
    case "labelmap":
      for (const [name, value] of labels.snapshot()) {
        const spelling = matchedSpelling(rule, labels, name);
        if (spelling !== undefined) labels.set(rule.regex.replaceAll(spelling, rule.replacement), value);
      }
      return true;
    case "labeldrop":
      for (const [name] of labels.snapshot()) {
        if (matchedSpelling(rule, labels, name) !== undefined) labels.delete(name);
      }
      return true;
    case "labelkeep":
      for (const [name] of labels.snapshot()) {
        if (matchedSpelling(rule, labels, name) === undefined) labels.delete(name);
      }
      return true;
  }
}

/** The spelling of a label's name that the rule's pattern matches. */
function matchedSpelling(rule: RelabelRule, labels: LabelBuilder, name: string): string | undefined {
  if (rule.regex.test(name)) return name;
  const alias = labels.alias(name);
  return alias !== undefined && rule.regex.test(alias) ? alias : undefined;
}

function sourceValue(rule: RelabelRule, labels: LabelBuilder): string {
  const names = rule.sourceLabels;
  if (names.length === 0) return "";
  let value = labels.get(names[0]);
  for (let i = 1; i < names.length; i++) value += rule.separator + labels.get(names[i]);
  return value;
}

function replace(rule: RelabelRule, labels: LabelBuilder, value: string): void {
  const indices = rule.regex.match(value);
  if (indices === undefined) return;
  const target = rule.regex.expand(rule.targetLabel, value, indices);
  if (target === "") return;
  labels.set(target, rule.regex.expand(rule.replacement, value, indices));
}

/** The last 8 bytes of the MD5, as an unsigned number, modulo. */
function hashMod(value: string, modulus: bigint): string {
  const digest = createHash("md5").update(value).digest();
  return (digest.readBigUInt64BE(8) % modulus).toString();
}
