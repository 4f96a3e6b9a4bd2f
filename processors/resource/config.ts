import { z } from "zod";
import { actionListSchema } from "../../src/attributes/config.js";

export const resourceSchema = z.strictObject({
  attributes: actionListSchema("attributes").describe("Actions on the attributes of every resource, in order."),
});

export type ResourceConfig = z.output<typeof resourceSchema>;
