/** The tables of a pprof, by their field number in Profile. Read by TypeScript and by the WebAssembly code. */
export const SAMPLE_TYPE = 1;
export const SAMPLE = 2;
export const MAPPING = 3;
export const LOCATION = 4;
export const FUNCTION = 5;
export const STRING = 6;

/** Fields of Profile that are numbers. */
export const dropFrames = 7;
export const keepFrames = 8;
export const timeNanos = 9;
export const durationNanos = 10;
export const period = 12;
export const defaultSampleType = 14;
export const docUrl = 15;

/** Sample types of one pprof: each becomes a profile with all samples. */
export const maxSampleTypes = 64;
/** Comments of one pprof: each becomes a string object. */
export const maxComments = 10_000;

/** OTLP bytes that the samples of a pprof may take: this many for any, then this many times its own. */
export const outputFloor = 16_777_216;
export const outputRatio = 8;

/** Keys of attributes, by their place in the list of keys; the flags of mappings come first. */
export const KEY_FOLDED = 4;
export const KEY_BUILD_ID_GNU = 5;
export const KEY_BUILD_ID_GO = 6;
