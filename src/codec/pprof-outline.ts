import type { ValueType } from "../pdata/profiles.js";
import { WireError } from "../proto/wire.js";
import { PprofIds } from "./pprof-ids.js";
import { indexPprof, type PprofIndex, type Ranges, readValueType, type ValueTypeIndices } from "./pprof-index.js";
import { isAllText } from "./pprof-texts.js";
import { cursor, last, readVarint, smallVarint } from "./varint.js";

/** What a pprof says of itself as a whole. */
export interface PprofOutline {
  readonly sampleTypes: readonly ValueType[];
  readonly periodType: ValueType;
  readonly period: bigint;
  readonly timeUnixNano: bigint;
  readonly durationNano: bigint;
  /** Samples of the pprof, each with a value per sample type. */
  readonly sampleCount: number;
  /** Bytes that the samples take as OTLP, at most. */
  readonly maxOutputBytes: number;
}

/** Decoding is synchronous: one set of tables serves all. */
const ids = { mappings: new PprofIds(), functions: new PprofIds(), locations: new PprofIds() };

const maxShortBytes = 16 * 1024;
const maxSampleTypes = 64;
const maxComments = 100;

/** Where `next` ended a message that isn't an ordinary one. */
const odd = -1;

/**
 * The outline of an ordinary pprof, all of which was checked as the decoder checks it (ids, indices, UTF-8, the number of
 * values), without decoding it. undefined for whatever is out of the ordinary, broken or not: the decoder has to judge
 * it. Throws what the decoder would throw.
 */
export function outlineOf(plain: Buffer): PprofOutline | undefined {
  const index = indexPprof(plain);
  try {
    return readOutline(index);
  } catch (caught) {
    // Something else may be wrong as well: the decoder says what.
    if (caught instanceof WireError) return undefined;
    throw caught;
  }
}

function readOutline(index: PprofIndex): PprofOutline | undefined {
  const { buf, sampleTypes, samples } = index;
  if (sampleTypes.length === 0 || sampleTypes.length > maxSampleTypes) return undefined;
  if (!isAllText(buf, index.strings) || !areScalarsPlain(index) || !areTablesPlain(index)) return undefined;
  const labelBytes = checkSamples(index);
  if (labelBytes === odd) return undefined;
  const types: ValueType[] = [];
  for (let i = 0; i < sampleTypes.length; i++) {
    const type = textsOf(index, readValueType(buf, sampleTypes.data[2 * i], sampleTypes.data[2 * i + 1]));
    if (!type) return undefined;
    types.push(type);
  }
  const periodType = textsOf(index, index.periodType);
  if (!periodType) return undefined;
  return {
    sampleTypes: types,
    periodType,
    period: index.period,
    timeUnixNano: index.timeNanos,
    durationNano: index.durationNanos,
    sampleCount: samples.length,
    maxOutputBytes: 32 * samples.length * types.length + labelBytes,
  };
}

function isString(index: PprofIndex, at: bigint): boolean {
  return at >= 0n && at < BigInt(index.strings.length);
}

function areScalarsPlain(index: PprofIndex): boolean {
  const { dropFrames, keepFrames, defaultSampleType, docUrl, comments } = index;
  if ((dropFrames | keepFrames | defaultSampleType | docUrl) !== 0n) {
    for (const at of [dropFrames, keepFrames, defaultSampleType, docUrl]) if (!isString(index, at)) return false;
  }
  if (comments.length > maxComments) return false;
  for (const at of comments) if (shortText(index, at) === undefined) return false;
  return true;
}

function textsOf(index: PprofIndex, { type, unit }: ValueTypeIndices): ValueType | undefined {
  const typeText = shortText(index, type);
  const unitText = shortText(index, unit);
  return typeText === undefined || unitText === undefined ? undefined : { type: typeText, unit: unitText };
}

function shortText(index: PprofIndex, at: bigint): string | undefined {
  if (!isString(index, at)) return undefined;
  const start = index.strings.data[2 * Number(at)];
  const end = index.strings.data[2 * Number(at) + 1];
  return end - start > maxShortBytes ? undefined : index.buf.utf8Slice(start, end);
}

function areTablesPlain(index: PprofIndex): boolean {
  const { mappings, functions, locations } = index;
  ids.mappings.reset(mappings.length);
  ids.functions.reset(functions.length);
  ids.locations.reset(locations.length);
  return (
    checkEntries(index, mappings, ids.mappings, 10, mappingStrings) &&
    checkEntries(index, functions, ids.functions, 5, functionStrings) &&
    checkLocations(index)
  );
}

/** Fields that are indices of strings, as bits. */
const mappingStrings = (1 << 5) | (1 << 6);
const functionStrings = (1 << 2) | (1 << 3) | (1 << 4);

/** Messages of nothing but varints, up to field `fields`, with their id in field 1. */
function checkEntries(index: PprofIndex, ranges: Ranges, known: PprofIds, fields: number, strings: number): boolean {
  const { buf } = index;
  const { data, length } = ranges;
  const stringCount = index.strings.length;
  for (let i = 0; i < length; i++) {
    let p = data[2 * i];
    const end = data[2 * i + 1];
    let low = 0;
    let high = 0;
    while (p < end) {
      const tag = buf[p++];
      const field = tag >>> 3;
      if ((tag & 7) !== 0 || field === 0 || field > fields) return false;
      const small = smallVarint(buf, p);
      if (small >= 0) {
        p = cursor;
        if (field === 1) {
          low = small;
          high = 0;
        } else if (small >= stringCount && (strings >> field) & 1) return false;
      } else {
        p = readVarint(buf, p, end);
        if (field === 1) ({ low, high } = last);
        else if ((strings >> field) & 1 && (last.high !== 0 || last.low >>> 0 >= stringCount)) return false;
      }
    }
    if (p > end || (low | high) === 0 || !known.add(low, high, i)) return false;
  }
  return true;
}

function checkLocations(index: PprofIndex): boolean {
  const { buf, locations } = index;
  const { data, length } = locations;
  for (let i = 0; i < length; i++) {
    let p = data[2 * i];
    const end = data[2 * i + 1];
    let low = 0;
    let high = 0;
    while (p < end) {
      const tag = buf[p++];
      if (tag === 0x22) {
        const size = buf[p++];
        if (!(size <= 0x7f && p + size <= end) || !isLinePlain(buf, p, p + size)) return false;
        p += size;
        continue;
      }
      if (tag !== 0x08 && tag !== 0x10 && tag !== 0x18 && tag !== 0x28) return false;
      p = readVarint(buf, p, end);
      if (tag === 0x08) ({ low, high } = last);
      // Pyroscope has another view of unknown mappings than google/pprof.
      else if (tag === 0x10 && (last.low | last.high) !== 0 && ids.mappings.find(last.low, last.high) < 0) return false;
    }
    if (p > end || (low | high) === 0 || !ids.locations.add(low, high, i)) return false;
  }
  return true;
}

function isLinePlain(buf: Buffer, p: number, end: number): boolean {
  let position = -1;
  while (p < end) {
    const tag = buf[p++];
    if (tag !== 0x08 && tag !== 0x10 && tag !== 0x18) return false;
    const small = smallVarint(buf, p);
    if (small >= 0) {
      p = cursor;
      if (tag === 0x08) position = ids.functions.find(small, 0);
    } else {
      p = readVarint(buf, p, end);
      if (tag === 0x08) position = ids.functions.find(last.low, last.high);
    }
  }
  return p === end && position >= 0;
}

/** Bytes that the labels may take as OTLP, at most; -1 where a sample isn't plain. */
function checkSamples(index: PprofIndex): number {
  const { buf, samples, sampleTypes, strings } = index;
  const { data, length } = samples;
  let labels = 0;
  for (let i = 0; i < length; i++) {
    let p = data[2 * i];
    const end = data[2 * i + 1];
    let values = 0;
    while (p < end) {
      const tag = buf[p++];
      if (tag === 0x08) {
        p = readVarint(buf, p, end);
        if (ids.locations.find(last.low, last.high) < 0) return odd;
        continue;
      }
      if (tag === 0x10) {
        p = readVarint(buf, p, end);
        values++;
        continue;
      }
      if (tag !== 0x0a && tag !== 0x12 && tag !== 0x1a) return odd;
      let size = buf[p++];
      if (size > 0x7f) {
        size = (size & 0x7f) | (buf[p++] << 7);
        if (size > 0x3fff) return odd;
      }
      const stop = p + size;
      if (!(stop <= end)) return odd;
      if (tag === 0x0a) {
        if (!areLocationsKnown(buf, p, stop)) return odd;
      } else if (tag === 0x12) {
        const count = countVarints(buf, p, stop);
        if (count === odd) return odd;
        values += count;
      } else {
        if (!isLabelPlain(buf, p, stop, strings)) return odd;
        labels++;
      }
      p = stop;
    }
    if (p > end || values !== sampleTypes.length) return odd;
  }
  if (labels === 0) return 0;
  return labels * (longest(strings) + 64 + 5 * sampleTypes.length);
}

function areLocationsKnown(buf: Buffer, p: number, end: number): boolean {
  const { dense, limit } = ids.locations;
  while (p < end) {
    const first = buf[p];
    if (first < 0x80) {
      if (first >= limit ? ids.locations.find(first, 0) < 0 : dense[first] < 0) return false;
      p++;
      continue;
    }
    const second = p + 1 < end ? buf[p + 1] : 0x80;
    if (second < 0x80) {
      const id = (first & 0x7f) | (second << 7);
      if (id >= limit ? ids.locations.find(id, 0) < 0 : dense[id] < 0) return false;
      p += 2;
      continue;
    }
    p = readVarint(buf, p, end);
    if (ids.locations.find(last.low, last.high) < 0) return false;
  }
  return true;
}

/** Varints in [p, end), none of them past nine bytes; -1 for others. */
function countVarints(buf: Buffer, p: number, end: number): number {
  let count = 0;
  let start = p;
  for (; p < end; p++) {
    if (buf[p] > 0x7f) continue;
    if (p - start > 8) return odd;
    start = p + 1;
    count++;
  }
  return start === end ? count : odd;
}

function isLabelPlain(buf: Buffer, p: number, end: number, strings: Ranges): boolean {
  let key = 0;
  while (p < end) {
    const tag = buf[p++];
    const small = tag === 0x18 ? -1 : smallVarint(buf, p);
    if (small < 0) {
      p = readVarint(buf, p, end);
      if (tag !== 0x18) return false;
      continue;
    }
    p = cursor;
    if (tag !== 0x08 && tag !== 0x10 && tag !== 0x20) return false;
    if (small >= strings.length) return false;
    if (tag === 0x08) key = small;
  }
  return p === end && strings.data[2 * key] !== strings.data[2 * key + 1];
}

function longest({ data, length }: Ranges): number {
  let most = 0;
  for (let i = 0; i < length; i++) most = Math.max(most, data[2 * i + 1] - data[2 * i]);
  return most;
}
