import { z } from "zod";
import { compileRegExp, RegExpSyntaxError } from "../../src/regexp/regexp.js";

const pattern = z.string().superRefine((text, ctx) => {
  try {
    compileRegExp(text);
  } catch (caught) {
    if (!(caught instanceof RegExpSyntaxError)) throw caught;
    ctx.addIssue({ code: "custom", message: caught.message });
  }
});

export const redactionSchema = z
  .strictObject({
    blocked_values: z
      .array(pattern)
      .default([])
      .describe("RE2 patterns. Each part of a text that one of them matches is replaced."),
    blocked_key_patterns: z
      .array(pattern)
      .default([])
      .describe("RE2 patterns. Where one of them matches a part of an attribute's key, its value becomes `****`."),
    replacement: z
      .string()
      .default("****")
      .describe(
        "What stands in place of a part that a pattern of blocked_values matched; $1 and named groups are expanded.",
      ),
    file_names: z
      .boolean()
      .default(true)
      .describe("Also in the names of binaries (mappings) and of source files (functions)."),
    allow_all_keys: z
      .literal(true)
      .default(true)
      .describe("Only true: to remove attributes by their keys, use the processors resource and attributes."),
  })
  .superRefine(({ blocked_values, blocked_key_patterns }, ctx) => {
    if (blocked_values.length + blocked_key_patterns.length > 0) return;
    ctx.addIssue({
      code: "custom",
      message: "at least one pattern in blocked_values or blocked_key_patterns is needed",
    });
  });

export type RedactionConfig = z.output<typeof redactionSchema>;
