/**
 * Where things stand in the memory that both sides share, in bytes, from 2048 on: below is what src/pdata has there. Read
 * by TypeScript and by the WebAssembly code.
 */

/** Numbers of the pprof that is open, by field of Profile: 16 u64. */
export const SCALARS = 2048;
/** Type and unit of the period: 2 u64. */
export const PERIOD_TYPE = 2176;
/** Types and units of the first `maxSampleTypes` sample types: 2 u64 each. */
export const SAMPLE_TYPES = 2192;
/** Entries, by field of Profile: 8 u32. */
export const ENTRIES = 3216;
/** Lists of the entries, start and end of each (u32), by field of Profile: 8 u32, and 8 that are used while the lists are made. */
export const TABLES = 3248;
export const NEXT = 3280;
/** The list of comments (u64 each), and how many there are: 2 u32. */
export const COMMENTS = 3312;
/** Labels of all samples, and the length of the longest string, as `checkPprof` found them: 2 u32. */
export const CHECKED = 3320;
/** What is kept of ids, by field of Profile (./ids.ts): 8 times 4 u32. */
export const IDS = 3328;
/** Start and end of what was made for the other side: 2 u32. */
export const SPAN = 3456;
/** attribute_table indices of mappings' flags, [2 * flag + value], and of folded locations; 0 = not known yet: 9 u32. */
export const FLAG_ATTRIBUTES = 3464;
/** Keys of attributes, KEY_BYTES each: their length, and their text (./numbers.ts has the order). */
export const KEYS = 3520;
export const KEY_BYTES = 32;
/** Per sample while samples are read: stack, fields of attributes and link, values (u32 each). */
export const ROW_BYTES = 12;
/** Start and end of each value of the sample that is read: 2 u32 for each of `maxSampleTypes`. */
export const VALUES = 3776;
