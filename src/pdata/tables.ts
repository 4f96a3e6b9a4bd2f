import { ATTRIBUTE, FUNCTION, LINK, LOCATION, MAPPING, STACK, STRING } from "./wasm/numbers.js";

export { ATTRIBUTE, FUNCTION, LINK, LOCATION, MAPPING, maxValueDepth, STACK, STRING } from "./wasm/numbers.js";

export const TABLES = [MAPPING, LOCATION, FUNCTION, LINK, STRING, ATTRIBUTE, STACK] as const;

export const tableNames = [
  "",
  "mapping_table",
  "location_table",
  "function_table",
  "link_table",
  "string_table",
  "attribute_table",
  "stack_table",
] as const;
