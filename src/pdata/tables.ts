/** The dictionary's tables, by their field number in ProfilesDictionary. */
export const MAPPING = 1;
export const LOCATION = 2;
export const FUNCTION = 3;
export const LINK = 4;
export const STRING = 5;
export const ATTRIBUTE = 6;
export const STACK = 7;
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

/** Deepest nesting of AnyValues that is accepted. */
export const maxValueDepth = 100;
