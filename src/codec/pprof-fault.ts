import * as wire from "../pdata/wasm/faults.js";
import type { WasmInstance } from "../pdata/wasm-instance.js";
import { WireError } from "../proto/wire.js";
import { invalid, TooLargeError } from "./invalid.js";
import * as faults from "./wasm/faults.js";
import { FUNCTION, LOCATION, MAPPING, maxComments } from "./wasm/numbers.js";

const messages = ["", "ValueType", "Sample", "Mapping", "Location", "Function", "", "Profile", "Line", "Label"];

const wireFaults: Readonly<Record<number, string>> = {
  [wire.TRUNCATED_VARINT]: "truncated varint",
  [wire.TRUNCATED_LENGTH]: "truncated varint",
  [wire.LARGE_VARINT]: "a varint past 64 bits",
  [wire.LONG_VARINT]: "a varint longer than 10 bytes",
  [wire.LENGTH_PAST_END]: "a length past the end of its message",
  [wire.TRUNCATED_FIXED64]: "truncated fixed-size value",
  [wire.TRUNCATED_FIXED32]: "truncated fixed-size value",
  [wire.GROUP]: "groups are not supported",
  [wire.UNKNOWN_WIRE_TYPE]: "unknown wire type",
  [wire.FIELD_ZERO]: "field number 0 is illegal",
  [wire.LARGE_TAG]: "a tag past 32 bits",
};

/** A 64-bit number from its halves, as what it is without sign. */
function whole(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

const sentences: Record<number, (first: number, second: number) => Error> = {
  [faults.WRONG_TYPE]: (tag, message) =>
    new WireError(`field ${tag >>> 3} of ${messages[message]} has wire type ${tag & 7}`),
  [faults.CONCATENATED]: () => invalid("pprof", "concatenated profiles"),
  [faults.MANY_COMMENTS]: () => new TooLargeError(`pprof: more than ${maxComments} comments`),
  [faults.NO_STRINGS]: () => invalid("pprof", "no string table"),
  [faults.FIRST_STRING]: () => invalid("pprof", "string_table[0] must be ''"),
  [faults.STRING_RANGE]: (low, high) =>
    invalid("pprof", `string index ${BigInt.asIntN(64, whole(low, high))} is out of range`),
  [faults.UNKNOWN_FUNCTION]: () => invalid("pprof", "a location has a line of an unknown function"),
  [faults.UNKNOWN_LOCATION]: (low, high) =>
    invalid("pprof", `a sample refers to location ${whole(low, high)}, which is unknown`),
  [faults.VALUE_COUNT]: (values, types) => invalid("pprof", `a sample has ${values} values for ${types} sample types`),
  [faults.OUTPUT_LIMIT]: (low, high) =>
    new TooLargeError(`pprof: its samples take more than ${whole(low, high)} bytes as OTLP`),
};

/** Faults of ids, by the table that they are in. */
for (const [table, name] of [
  [MAPPING, "mapping"],
  [LOCATION, "location"],
  [FUNCTION, "function"],
] as const) {
  sentences[faults.ID_ZERO + table] = () => invalid("pprof", `a ${name} has the reserved id 0`);
  sentences[faults.ID_TAKEN + table] = (low, high) =>
    invalid("pprof", `several ${name}s have the id ${whole(low, high)}`);
}

/** What was wrong with the pprof that has just been read. */
export function pprofFault({ exports }: WasmInstance): Error {
  const code = exports.faultCode();
  const text = wireFaults[code];
  return text === undefined ? sentences[code](exports.faultFirst(), exports.faultSecond()) : new WireError(text);
}
