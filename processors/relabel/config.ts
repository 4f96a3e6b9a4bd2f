import { z } from "zod";
import { relabelRulesField } from "../../src/relabel/config.js";

export const relabelSchema = z.strictObject({
  rules: relabelRulesField
    .default([])
    .superRefine((rules, ctx) => {
      if (rules.length === 0) ctx.addIssue({ code: "custom", message: 'missing required field "rules"' });
    })
    .describe("Prometheus' relabel rules, applied in order."),
  context: z
    .enum(["resource", "profile", "sample"])
    .default("resource")
    .describe("Whose labels the rules see, and what keep and drop act on."),
  label_style: z
    .enum(["dots", "underscores"])
    .default("dots")
    .describe(
      "dots = labels are named as attributes are; underscores = rules see every other character than A-Za-z0-9_ as _.",
    ),
});

export type RelabelConfig = z.output<typeof relabelSchema>;
