/**
 * Where things stand in the memory that both sides share, in bytes. Read by TypeScript and by the WebAssembly code.
 */

/** Highest index noted, by table: 8 u32. */
export const HIGHEST = 1024;
/** Entries of the dictionary, by table: 8 u32. */
export const COUNTS = 1056;
/** Start and end of the dictionary's content, or 0: 2 u32. */
export const DICTIONARY = 1088;
/** Resources, samples, profiles, unknown top-level fields: 4 u32. */
export const TOTALS = 1096;
/** 1 where the dictionary has fields that are no table, 1 where a resource has references: 2 u32. */
export const FLAGS = 1112;
/** The newest end of a profile in unix nanoseconds: f64. */
export const NEWEST = 1120;

/** Where the request stands that is scanned. */
export const INPUT = 2048;

/** Bytes per resource in the list of resources: start, end, samples, flags. */
export const RESOURCE_BYTES = 16;
/** Bytes per unknown field: start, end. */
export const UNKNOWN_BYTES = 8;
