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

/** Where the request stands that is scanned. What a build works with begins there too: one or the other is under way. */
export const INPUT = 5120;

/** Keys of the hash by which entries are found, drawn at random: u64 each, two of them odd. */
export const HASH_KEYS = 256;
export const HASH_KEYS_END = 512;
export const HASH_LENGTH_KEY = 512;
export const HASH_OUT_KEY = 520;

/** Entries of the dictionary being built, and the bytes that they take, by table: 8 u32 each. */
export const OUT_COUNTS = 1152;
export const OUT_BYTES = 1184;
/** Lists of the dictionary that is read, by table: 8 u32. */
export const SOURCE = 1216;
/** The profile that was written last: start and end of the message with its tag, its samples, its id's 16 bytes or 0: 4 u32. */
export const PROFILE = 1248;
/** The dictionary that was built: start and end of its content: 2 u32. */
export const BUILT = 1264;

/** Bytes per resource in the list of resources: start, end, samples, flags. */
export const RESOURCE_BYTES = 16;
/** Bytes per unknown field: start, end. */
export const UNKNOWN_BYTES = 8;
