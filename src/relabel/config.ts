import { z } from "zod";
import { parseRelabelRules } from "./parse.js";
import { rawFromPlain } from "./raw-value.js";
import { RelabelConfigError, type RelabelRule } from "./rule.js";

const ruleSchema = z.strictObject({
  action: z
    .string()
    .nullable()
    .default("replace")
    .describe(
      "replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase or uppercase; upper and lower case are the same.",
    ),
  source_labels: z.array(z.string()).nullable().optional().describe("Labels whose values are joined."),
  separator: z.string().nullable().optional().meta({ default: ";" }).describe("Stands between the joined values."),
  regex: z
    .string()
    .nullable()
    .optional()
    .meta({ default: "(.*)" })
    .describe("RE2 pattern that the joined values, or a label's name, must match as a whole."),
  modulus: z.int().min(0).nullable().optional().describe("For hashmod."),
  target_label: z.string().nullable().optional().describe("Label to write; replace expands $1 and named groups in it."),
  replacement: z
    .string()
    .nullable()
    .optional()
    .meta({ default: "$1" })
    .describe("Value to write, $1 and named groups expanded."),
});

export type RuleConfig = z.output<typeof ruleSchema>;

/** A list of rules, each checked as it will be compiled. */
export const relabelRulesField = z.array(ruleSchema).superRefine((rules, ctx) => {
  for (const [index, rule] of rules.entries()) {
    try {
      compileRules([rule]);
    } catch (caught) {
      if (!(caught instanceof RelabelConfigError)) throw caught;
      ctx.addIssue({ code: "custom", path: [index], message: caught.message });
    }
  }
});

export function compileRules(rules: readonly RuleConfig[]): RelabelRule[] {
  return parseRelabelRules(rawFromPlain(rules));
}
