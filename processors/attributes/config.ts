import { z } from "zod";
import { AttributeConfigError } from "../../src/attributes/action.js";
import { actionListSchema } from "../../src/attributes/config.js";
import { createMatcher } from "../../src/attributes/match.js";
import { type MatchConfig, matchSchema } from "../../src/attributes/match-config.js";

const checkedMatch = matchSchema.superRefine((match: MatchConfig, ctx) => {
  try {
    createMatcher(match);
  } catch (caught) {
    if (!(caught instanceof AttributeConfigError)) throw caught;
    ctx.addIssue({ code: "custom", message: caught.message });
  }
});

export const attributesSchema = z
  .strictObject({
    actions: actionListSchema("actions").describe("Actions on the attributes of every item that is meant, in order."),
    context: z
      .enum(["profile", "resource", "scope", "sample"])
      .default("profile")
      .describe("Whose attributes: those of profiles, resources, scopes or samples."),
    include: checkedMatch.optional().describe("Only items that match this."),
    exclude: checkedMatch.optional().describe("Not the items that match this; looked at after `include`."),
  })
  .superRefine((config, ctx) => {
    if (config.context !== "resource") return;
    for (const name of ["include", "exclude"] as const) {
      if ((config[name]?.libraries.length ?? 0) === 0) continue;
      ctx.addIssue({
        code: "custom",
        path: [name, "libraries"],
        message: '"libraries" are not valid for context resource (a resource has no instrumentation scope)',
      });
    }
  });

export type AttributesConfig = z.output<typeof attributesSchema>;
