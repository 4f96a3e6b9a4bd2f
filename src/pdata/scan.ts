import { type Fault, faultOf } from "./scan-fault.js";
import { COUNTS, DICTIONARY, FLAGS, INPUT, NEWEST, RESOURCE_BYTES, TOTALS, UNKNOWN_BYTES } from "./wasm/layout.js";
import { maxParts } from "./wasm/numbers.js";
import { WasmInstance } from "./wasm-instance.js";

/** What one walk over a request found: where its parts are and how many samples each resource has. */
export interface ScanResult {
  /** Content of the dictionary, or dictionaryStart -1 where there is none. */
  dictionaryStart: number;
  dictionaryEnd: number;
  /** Entries per table, by the table's field number. */
  counts: Int32Array;
  /** Per resource four numbers: start and end of its content, its samples, and flags (resourceReferences, scopeReferences). */
  resources: Int32Array;
  resourceCount: number;
  sampleCount: number;
  profileCount: number;
  /** Unknown top-level fields, tag included, as [start, end) pairs. */
  unknown: number[];
  /** The newest time + duration of a profile, in unix nanoseconds as a double. */
  newestNano: number;
  /** True if the dictionary has fields that are no table. */
  hasUnknownTables: boolean;
  /** True if a resource has flags. */
  hasReferences: boolean;
}

/** A request that was built, and what a scan of it would find. */
export interface Built {
  readonly buf: Buffer;
  readonly scanned: ScanResult;
}

/** What a scan finds in a request of these numbers, before it has found it. */
export function emptyScan(
  resourceCount: number,
  profileCount: number,
  counts: Int32Array = new Int32Array(8),
): ScanResult {
  return {
    dictionaryStart: -1,
    dictionaryEnd: -1,
    counts,
    resources: new Int32Array(4 * resourceCount),
    resourceCount,
    sampleCount: 0,
    profileCount,
    unknown: [],
    newestNano: 0,
    hasUnknownTables: false,
    hasReferences: false,
  };
}

/** Flags of a resource: its own attributes, or those of a scope, hold references into the string table. */
export const resourceReferences = 1;
export const scopeReferences = 2;

/**
 * Walks a request once without building objects. Answers with a fault where the bytes are not the plain shape of the
 * current layout: the slow path then decides whether they are odd but legal, older, or bad.
 */
export function scanRequest(request: Buffer, strict: boolean): ScanResult | Fault {
  // The lists stand behind the request. No part takes less than two bytes.
  const most = Math.min(maxParts, request.length >>> 1);
  const resources = (INPUT + request.length + 3) & ~3;
  const unknown = resources + most * RESOURCE_BYTES;
  const wasm = WasmInstance.withRoom(unknown + most * UNKNOWN_BYTES);
  wasm.bytes.set(request, INPUT);
  const isPlain = wasm.exports.scan(request.length, resources, unknown, strict);
  const result = isPlain ? resultIn(wasm, resources, unknown) : faultOf(wasm);
  wasm.release();
  return result;
}

/** Tells the two answers of scanRequest apart. */
export function isFault(answer: ScanResult | Fault): answer is Fault {
  return "reason" in answer;
}

function resultIn({ view, bytes }: WasmInstance, resources: number, unknown: number): ScanResult {
  const dictionary = view.getUint32(DICTIONARY, true);
  const resourceCount = view.getUint32(TOTALS, true);
  return {
    dictionaryStart: dictionary - (dictionary === 0 ? 1 : INPUT),
    dictionaryEnd: dictionary === 0 ? -1 : view.getUint32(DICTIONARY + 4, true) - INPUT,
    counts: copyInts(bytes, COUNTS, 8),
    resources: copyInts(bytes, resources, (resourceCount * RESOURCE_BYTES) / 4),
    resourceCount,
    sampleCount: view.getUint32(TOTALS + 4, true),
    profileCount: view.getUint32(TOTALS + 8, true),
    unknown: Array.from(copyInts(bytes, unknown, (view.getUint32(TOTALS + 12, true) * UNKNOWN_BYTES) / 4)),
    newestNano: view.getFloat64(NEWEST, true),
    hasUnknownTables: view.getUint32(FLAGS, true) !== 0,
    hasReferences: view.getUint32(FLAGS + 4, true) !== 0,
  };
}

/** `count` integers that stand at `at`; WebAssembly's memory is little-endian as every platform of Node is. */
function copyInts(bytes: Buffer, at: number, count: number): Int32Array {
  return new Int32Array(bytes.buffer, at, count).slice();
}
