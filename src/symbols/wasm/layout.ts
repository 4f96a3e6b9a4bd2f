/**
 * Where things stand in the memory that both sides share, in bytes. Read by TypeScript and by the WebAssembly code.
 */

/** An answer: where its parts begin and how much they have, each a u32 at one of the numbers below. */
export const ANSWER = 64;
/** The addresses that are asked for, in order: u32, offsets from the first function. */
export const OFFSETS = 0;
/** Of each address the place of its first frame and how many it has: two u32. */
export const RANGES = 1;
/** The rest is as FrameColumns has it. */
export const FRAMES = 2;
export const FRAME_COUNT = 3;
export const FUNCTIONS = 4;
export const FUNCTION_COUNT = 5;
export const ENDS = 6;
export const TEXT_COUNT = 7;
export const TEXTS = 8;
export const TEXT_BYTES = 9;
export const ANSWER_NUMBERS = 10;

/** Where the line table stands; what is made of it stands behind it. */
export const TABLE = 1024;
/** Bytes behind the table that may be read. */
export const SPARE = 16;

/** Layouts of the line table, in their order. */
export const GO_1_2 = 0;
export const GO_1_16 = 1;
export const GO_1_18 = 2;
export const GO_1_20 = 3;

/** Most frames of an address. */
export const MAX_FRAMES = 129;
