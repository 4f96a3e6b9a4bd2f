import { z } from "zod";
import { AttributeConfigError } from "./action.js";
import { parseAttributeActions } from "./parse.js";

/** One action, as the Collector's processors write it. */
const actionSchema = z.strictObject({
  key: z
    .string()
    .optional()
    .describe("Attribute that the action is about. delete and hash may have `pattern` instead."),
  action: z
    .string()
    .optional()
    .describe("insert, update, upsert, delete, hash, extract or convert; upper and lower case are the same."),
  value: z.unknown().optional().describe("Value to set, of any type; the type is the one that is written."),
  from_attribute: z.string().optional().describe("Take the value from this attribute."),
  from_context: z
    .string()
    .optional()
    .describe("Take the value from the request: metadata.<key> (or just <key>), auth.<attribute>, client.address."),
  default_value: z.unknown().optional().describe("Value to set if the other source has none."),
  pattern: z
    .string()
    .optional()
    .describe(
      "RE2 pattern: of the keys (delete, hash), or of the value, its named groups becoming attributes (extract).",
    ),
  converted_type: z.string().optional().describe("Type for convert: int, double or string."),
});

/** A list of actions under the key `listName`; refused with the Collector's texts. */
export function actionListSchema(listName: string) {
  return z
    .array(actionSchema)
    .default([])
    .superRefine((actions, ctx) => {
      try {
        parseAttributeActions(actions, listName);
      } catch (caught) {
        if (!(caught instanceof AttributeConfigError)) throw caught;
        ctx.addIssue({
          code: "custom",
          message: caught.message,
          path: caught.index === undefined ? [] : [caught.index],
        });
      }
    });
}
