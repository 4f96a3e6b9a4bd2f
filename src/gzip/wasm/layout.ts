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

/** How often each symbol occurs in the block that is written: u32 each, of lengths and literals, distances, code lengths. */
export const LITERAL_USES = 16_384;
export const DISTANCE_USES = 17_536;
export const LENGTH_USES = 17_664;
/** The bits of their codes: u8 each. */
export const LITERAL_WIDTHS = 17_744;
export const DISTANCE_WIDTHS = 18_032;
export const LENGTH_WIDTHS = 18_064;
/** Their codes, u32 each: the bits in the order in which they go out, and how many they are from bit 16. */
export const LITERAL_CODES = 18_084;
export const DISTANCE_CODES = 19_236;
export const LENGTH_CODES = 19_364;
/** What goes out for a match of this length less 3, extra bits included, and how many bits that is from bit 24: 256 u32. */
export const MATCH_CODES = 19_440;
/** The symbol of a match of this length less 3, counted from 257: 256 u8. */
export const MATCH_SYMBOLS = 20_464;
/** The lengths of a block's codes as it gives them: symbols, what follows them from bit 8; 320 u16. */
export const GIVEN_LENGTHS = 20_720;
/** For making a code: symbols by their uses, twice, and of the nodes of its tree the uses, the parents and the depths. */
export const BY_USES = 21_360; // 288 u32
export const BY_USES_AGAIN = 22_512; // 288 u32
export const NODE_USES = 23_664; // 288 u32
export const NODE_PARENTS = 24_816; // 288 u16
export const NODE_DEPTHS = 25_392; // 288 u8
export const DIGITS = 25_680; // 256 u32
/** Codes of each length: 16 u32. */
export const DEPTH_COUNTS = 26_704;

/** Matches of a block: the literals in front of it, then its distance less 1 and, from bit 16, its length; two u32 each. */
export const MATCHES = 32_768;
/** Few enough that a block's codes suit all of it. */
export const maxMatches = 4096;
/** Where four bytes were seen last, by a hash of them: 2 ** 15 u32. */
export const SEEN = 65_536;

/** Where the file stands that is inflated, or what is deflated. */
export const INPUT = 196_608;
/** Bytes behind the input that may be read, and bytes behind the output that may be written. */
export const SPARE = 320;
