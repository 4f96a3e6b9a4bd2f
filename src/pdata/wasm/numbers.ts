/** The dictionary's tables, by their field number in ProfilesDictionary. Read by TypeScript and by the WebAssembly code. */
export const MAPPING = 1;
export const LOCATION = 2;
export const FUNCTION = 3;
export const LINK = 4;
export const STRING = 5;
export const ATTRIBUTE = 6;
export const STACK = 7;

/** Deepest nesting of AnyValues that is accepted. */
export const maxValueDepth = 100;

/** Most entries that a table may have. */
export const maxEntries = 2_097_152;

/** Most resources, scopes, profiles and unknown top-level fields that a request may have: each becomes an object. */
export const maxParts = 262_144;
