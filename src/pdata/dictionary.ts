import type { KeyValue } from "./any-value.js";

export interface DictLine {
  readonly functionIndex: number;
  readonly line: bigint;
  readonly column: bigint;
}
export interface DictLocation {
  readonly mappingIndex: number;
  readonly address: bigint;
  readonly lines: readonly DictLine[];
  readonly attributeIndices: Int32Array;
}
export interface DictFunction {
  readonly nameIndex: number;
  readonly systemNameIndex: number;
  readonly filenameIndex: number;
  readonly startLine: bigint;
}
export interface DictMapping {
  readonly memoryStart: bigint;
  readonly memoryLimit: bigint;
  readonly fileOffset: bigint;
  readonly filenameIndex: number;
  readonly attributeIndices: Int32Array;
}
export interface DictLink {
  /** 16 bytes, or empty. */
  readonly traceId: Buffer;
  /** 8 bytes, or empty. */
  readonly spanId: Buffer;
}

/** Entries are decoded at each call; callers that read an entry often keep what they need. Index 0 is the zero entry. */
export declare class Dictionary {
  readonly stringCount: number;
  readonly locationCount: number;
  readonly functionCount: number;
  readonly mappingCount: number;
  readonly stackCount: number;
  readonly linkCount: number;
  readonly attributeCount: number;
  string(index: number): string;
  /** location_table indices, leaf first. */
  stack(index: number): Int32Array;
  location(index: number): DictLocation;
  function(index: number): DictFunction;
  mapping(index: number): DictMapping;
  link(index: number): DictLink;
  attribute(index: number): KeyValue;
}
