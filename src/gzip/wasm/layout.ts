/**
 * Where things stand in the memory that both sides share, in bytes. Read by TypeScript and by the WebAssembly code.
 */

/** What a symbol becomes in a table, its bits left out: u32 by symbol, of lengths and literals, distances, code lengths. */
export const LITERAL_SYMBOLS = 1024;
export const DISTANCE_SYMBOLS = 2176;
export const LENGTH_SYMBOLS = 2304;
/** The order in which a block gives the lengths of its first code: 19 u8. */
export const LENGTH_ORDER = 2384;

/** Bits of each symbol's code, of one code or of two: 320 u8. */
export const LENGTHS = 2408;
/** Codes of each length, and where the next symbol of that length goes: 16 u32 each. */
export const COUNTS = 2728;
export const NEXT = 2792;
/** Symbols by the length of their codes: 288 u16. */
export const SORTED = 2856;

/** Tables for decoding, u32 each: the direct entries, and behind them those for longer codes, of which there are no more. */
export const LENGTH_TABLE = 3432; // 2 ** 7
export const DISTANCE_TABLE = 3944; // 402 = `enough 32 8 15` of zlib's examples
export const LITERAL_TABLE = 5552; // 2342 = `enough 288 11 15`

/** Where the file stands that is inflated. */
export const INPUT = 16_384;
/** Bytes behind the input that may be read, and bytes behind the output that may be written. */
export const SPARE = 320;
