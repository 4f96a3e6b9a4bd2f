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
/** It comes with a trap. */
export const NO_MEMORY = 69;
/** detail, detail2: the index, low and high half. */
export const STRING_RANGE = 70;
/** Plus the table. */
export const ID_ZERO = 72;
/** Plus the table. detail, detail2: the id. */
export const ID_TAKEN = 80;
export const UNKNOWN_FUNCTION = 88;
/** detail, detail2: the id. */
export const UNKNOWN_LOCATION = 89;
/** detail: values; detail2: sample types. */
export const VALUE_COUNT = 90;
/** Samples take more than they may. detail, detail2: how much that is, low and high half. */
export const OUTPUT_LIMIT = 91;

/** Messages, for WRONG_TYPE; entries of tables have the numbers of these. */
export const MESSAGE_VALUE_TYPE = 1;
export const MESSAGE_SAMPLE = 2;
export const MESSAGE_MAPPING = 3;
export const MESSAGE_LOCATION = 4;
export const MESSAGE_FUNCTION = 5;
export const MESSAGE_PROFILE = 7;
export const MESSAGE_LINE = 8;
export const MESSAGE_LABEL = 9;
