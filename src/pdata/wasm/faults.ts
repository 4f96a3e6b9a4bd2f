/**
 * What a scan can find wrong, as numbers that both sides read: the WebAssembly code returns them, ../scan-fault.ts has
 * the sentences. `detail` and `detail2` are what the sentence needs to know.
 */

export const TRUNCATED_VARINT = 1;
export const LARGE_VARINT = 2;
export const LONG_VARINT = 3;
export const TRUNCATED_LENGTH = 4;
export const LENGTH_PAST_END = 5;
export const TRUNCATED_FIXED64 = 6;
export const TRUNCATED_FIXED32 = 7;
export const GROUP = 8;
export const UNKNOWN_WIRE_TYPE = 9;
export const FIELD_ZERO = 10;
export const LARGE_TAG = 11;
/** detail: which text (below). */
export const NOT_UTF8 = 12;
/** detail: bytes it has; detail2: which id (below). */
export const ID_LENGTH = 13;
/** detail: the index, as 32 bits; detail2: the table. */
export const INDEX_OUT_OF_RANGE = 14;
/** detail: the tag; detail2: the message. */
export const WRONG_WIRE_TYPE = 15;
/** detail: the table. Final. */
export const MANY_ENTRIES = 16;
/** detail: which parts (below). Final. */
export const MANY_PARTS = 17;
/** detail: what came twice (below). */
export const IN_PARTS = 18;
/** detail: the table. */
export const NOT_ZERO = 19;
export const REFERENCE_IN_TABLE = 20;
/** detail: values; detail2: timestamps. */
export const UNEQUAL_NUMBERS = 21;
export const EMPTY_SAMPLE = 22;
export const ODD_TIMESTAMPS = 23;
export const FIELD_12 = 24;
export const PAYLOAD_WITHOUT_FORMAT = 25;
export const DEEP_VALUE = 26;
export const OPEN_VARINT = 27;

/** Texts, for NOT_UTF8. */
export const TEXT_STRING_TABLE = 0;
export const TEXT_SCHEMA_URL = 1;
export const TEXT_ATTRIBUTE_KEY = 2;
export const TEXT_ATTRIBUTE_VALUE = 3;
export const TEXT_SCOPE = 4;
export const TEXT_ENTITY = 5;
export const TEXT_PAYLOAD_FORMAT = 6;

/** Messages that are no entries of tables, for WRONG_WIRE_TYPE; tables have their numbers. */
export const MESSAGE_REQUEST = 8;
export const MESSAGE_RESOURCE_PROFILES = 9;
export const MESSAGE_SCOPE_PROFILES = 10;
export const MESSAGE_PROFILE = 11;
export const MESSAGE_SAMPLE = 12;
export const MESSAGE_VALUE_TYPE = 13;
export const MESSAGE_RESOURCE = 14;
export const MESSAGE_SCOPE = 15;
export const MESSAGE_ENTITY = 16;
export const MESSAGE_KEY_VALUE = 17;
export const MESSAGE_ANY_VALUE = 18;
export const MESSAGE_ARRAY = 19;
export const MESSAGE_MAP = 20;
export const MESSAGE_LINE = 21;
export const MESSAGE_DICTIONARY = 22;

/** Ids, for ID_LENGTH. */
export const ID_TRACE = 0;
export const ID_SPAN = 1;
export const ID_PROFILE = 2;

/** Things that may come once, for IN_PARTS. */
export const PART_DICTIONARY = 0;
export const PART_RESOURCE = 1;
export const PART_SCOPE = 2;
export const PART_VALUE_TYPE = 3;
export const PART_LIST = 4;
export const PART_VALUE = 5;

/** Things that there may be only so many of, for MANY_PARTS. */
export const PARTS_RESOURCES = 0;
export const PARTS_SCOPES = 1;
export const PARTS_PROFILES = 2;
export const PARTS_UNKNOWN = 3;
