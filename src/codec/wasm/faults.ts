/**
 * What can be wrong with a pprof beside the faults of src/pdata, whose numbers are lower: both sides read them, the
 * WebAssembly code returns them, ../pprof-fault.ts has the sentences. `detail` and `detail2` are what the sentence needs.
 */

/** detail: the tag; detail2: the message (below). */
export const WRONG_TYPE = 64;
export const CONCATENATED = 65;
export const MANY_COMMENTS = 66;
export const NO_STRINGS = 67;
export const FIRST_STRING = 68;
export const NO_MEMORY = 69;

/** Messages, for WRONG_TYPE; entries of tables have the numbers of these. */
export const MESSAGE_VALUE_TYPE = 1;
export const MESSAGE_SAMPLE = 2;
export const MESSAGE_MAPPING = 3;
export const MESSAGE_LOCATION = 4;
export const MESSAGE_FUNCTION = 5;
export const MESSAGE_PROFILE = 7;
export const MESSAGE_LINE = 8;
export const MESSAGE_LABEL = 9;
