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
