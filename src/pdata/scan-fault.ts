import { tableNames } from "./tables.js";
import * as faults from "./wasm/faults.js";
import { COUNTS } from "./wasm/layout.js";
import { maxEntries, maxParts } from "./wasm/numbers.js";
import type { WasmInstance } from "./wasm-instance.js";

/** Why bytes are not the plain shape of a request. */
export interface Fault {
  readonly reason: string;
  /** True for a fault that no other reading of the bytes can mend: a limit was passed. */
  readonly isFinal: boolean;
}

const texts = [
  "a string in string_table",
  "schema_url",
  "an attribute key",
  "an attribute value",
  "a scope name or version",
  "an entity reference",
  "original_payload_format",
];

const messages = [
  "",
  "Mapping",
  "Location",
  "Function",
  "Link",
  "",
  "KeyValueAndUnit",
  "Stack",
  "ExportProfilesServiceRequest",
  "ResourceProfiles",
  "ScopeProfiles",
  "Profile",
  "Sample",
  "ValueType",
  "Resource",
  "InstrumentationScope",
  "EntityRef",
  "KeyValue",
  "AnyValue",
  "ArrayValue",
  "KeyValueList",
  "Line",
  "ProfilesDictionary",
];

const parts = ["a dictionary", "a resource", "a scope", "a value type", "a packed list", "an attribute value"];
const ids = ["trace_id", "span_id", "profile_id"];
const countedParts = ["resources", "scopes", "profiles", "unknown fields"];

/** What a fault's number means, with its two details. */
const sentences: Readonly<Record<number, (first: number, second: number) => string>> = {
  [faults.TRUNCATED_VARINT]: () => "truncated varint",
  [faults.LARGE_VARINT]: () => "a varint past 64 bits",
  [faults.LONG_VARINT]: () => "a varint longer than 10 bytes",
  [faults.TRUNCATED_LENGTH]: () => "truncated length",
  [faults.LENGTH_PAST_END]: () => "a length past the end of its message",
  [faults.TRUNCATED_FIXED64]: () => "truncated fixed64",
  [faults.TRUNCATED_FIXED32]: () => "truncated fixed32",
  [faults.GROUP]: () => "a group",
  [faults.UNKNOWN_WIRE_TYPE]: () => "unknown wire type",
  [faults.FIELD_ZERO]: () => "field number 0 is illegal",
  [faults.LARGE_TAG]: () => "a tag past 32 bits",
  [faults.NOT_UTF8]: (text) => `${texts[text]} is not valid UTF-8`,
  [faults.ID_LENGTH]: (bytes, id) => `${ids[id]} of ${bytes} bytes (it must have ${id === faults.ID_SPAN ? 8 : 16})`,
  [faults.INDEX_OUT_OF_RANGE]: (index, table) => `index ${index} of ${tableNames[table]} is out of range`,
  [faults.WRONG_WIRE_TYPE]: (tag, message) =>
    `wrong wire type ${tag & 7} for field ${tag >>> 3} of ${messages[message]}`,
  [faults.MANY_ENTRIES]: (table) => `more than ${maxEntries} entries in ${tableNames[table]}`,
  [faults.MANY_PARTS]: (part) => `more than ${maxParts} ${countedParts[part]}`,
  [faults.IN_PARTS]: (part) => `${parts[part]} in parts`,
  [faults.NOT_ZERO]: (table) => `${tableNames[table]}[0] must be the zero value`,
  [faults.REFERENCE_IN_TABLE]: () => "a reference inside attribute_table",
  [faults.UNEQUAL_NUMBERS]: (values, timestamps) =>
    `a sample has ${values} values and ${timestamps} timestamps (they must be equal in number)`,
  [faults.EMPTY_SAMPLE]: () => "a sample has neither values nor timestamps",
  [faults.ODD_TIMESTAMPS]: () => "packed timestamps that are no multiple of 8 bytes",
  [faults.FIELD_12]: () => "field 12 of Profile, as protocol 1.8 had it",
  [faults.PAYLOAD_WITHOUT_FORMAT]: () => "a payload without a format, where protocol 1.8 had the format",
  [faults.DEEP_VALUE]: () => "attribute values nest too deep",
  [faults.OPEN_VARINT]: () => "a packed list that ends inside a varint",
};

/** The fault of a scan that has just failed. */
export function faultOf({ exports, view }: WasmInstance): Fault {
  const code = exports.faultCode();
  const second = exports.faultSecond();
  const sentence = sentences[code](exports.faultFirst(), second);
  const where =
    code === faults.INDEX_OUT_OF_RANGE
      ? `(the table has ${view.getUint32(COUNTS + 4 * second, true)} entries)`
      : `(at byte ${exports.faultPosition()})`;
  return {
    reason: `${sentence} ${where}`,
    isFinal: code === faults.MANY_ENTRIES || code === faults.MANY_PARTS,
  };
}
