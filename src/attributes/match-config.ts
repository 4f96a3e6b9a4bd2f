import { z } from "zod";

const attributeSchema = z.strictObject({
  key: z.string().min(1, "can't have empty key in the list of attributes").describe("Attribute that must be there."),
  value: z
    .unknown()
    .optional()
    .describe("Its value: equal in type and content (strict), or a pattern (regexp). Left out: any."),
});

const librarySchema = z.strictObject({
  name: z.string().describe("Name of the instrumentation scope."),
  version: z.string().optional().describe("Its version. Left out: any."),
});

/** Which items a processor is for; all that is given must match. */
export const matchSchema = z.strictObject({
  match_type: z
    .enum(["strict", "regexp"])
    .describe("strict = equal; regexp = the RE2 pattern matches somewhere in the value."),
  regexp: z
    .strictObject({
      cacheenabled: z.boolean().default(false).describe("Accepted; results are remembered anyway where that helps."),
      cachemaxnumentries: z.int().min(0).default(0).describe("Accepted, without effect."),
    })
    .optional()
    .describe("The Collector's settings of its pattern cache."),
  services: z.array(z.string()).default([]).describe("service.name of the resource is one of these."),
  resources: z.array(attributeSchema).default([]).describe("The resource has all of these attributes."),
  libraries: z.array(librarySchema).default([]).describe("The instrumentation scope is one of these."),
  attributes: z.array(attributeSchema).default([]).describe("The item has all of these attributes."),
});

export type MatchConfig = z.output<typeof matchSchema>;
