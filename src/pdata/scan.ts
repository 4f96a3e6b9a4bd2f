import { WireError } from "../proto/wire.js";
import { checkTables, indexTables, newTableIndex, shrink } from "./scan-dictionary.js";
import { checkString, fail, failForGood, fault, openLength, readTag, span, tag } from "./scan-primitives.js";
import { found, scanProfile } from "./scan-profile.js";
import { references, scanResource, scanScope, scanUnknown } from "./scan-values.js";

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

/** Flags of a resource: its own attributes, or those of a scope, hold references into the string table. */
export const resourceReferences = 1;
export const scopeReferences = 2;

/** Most resources, scopes and profiles that a request may have: each becomes an object. */
const maxParts = 262_144;

const flags = { value: 0 };
const tables = newTableIndex();
let scopeCount = 0;
let resourceSpans = new Int32Array(4 * 256);

/**
 * Walks a request once without building objects. Returns undefined where the bytes are not the plain shape of the
 * current layout (`fault.reason` says why): the slow path then decides whether they are odd but legal, older, or bad.
 */
export function scanRequest(buf: Buffer, strict: boolean): ScanResult | undefined {
  try {
    return scan(buf, strict);
  } catch (caught) {
    if (!(caught instanceof WireError)) throw caught;
    fail(caught.message, 0);
    return undefined;
  }
}

function scan(buf: Buffer, strict: boolean): ScanResult | undefined {
  const result: ScanResult = {
    dictionaryStart: -1,
    dictionaryEnd: -1,
    counts: new Int32Array(8),
    resources: resourceSpans,
    resourceCount: 0,
    sampleCount: 0,
    profileCount: 0,
    unknown: [],
    newestNano: 0,
    hasUnknownTables: false,
    hasReferences: false,
  };
  if (findParts(buf, result) < 0) return undefined;
  tables.counts.fill(0);
  references.strings = 1;
  if (result.dictionaryStart >= 0) {
    if (indexTables(buf, result.dictionaryStart, result.dictionaryEnd, tables) < 0) return undefined;
    if (checkTables(buf, tables) < 0) return undefined;
  }
  result.counts.set(tables.counts);
  result.hasUnknownTables = result.dictionaryStart >= 0 && tables.hasUnknown;
  shrink(tables);
  found.newestNano = 0;
  scopeCount = 0;
  for (let i = 0; i < result.resourceCount; i++) {
    const before = result.sampleCount;
    const at = 4 * i;
    if (scanResourceProfiles(buf, resourceSpans[at], resourceSpans[at + 1], result, strict) < 0) return undefined;
    resourceSpans[at + 2] = result.sampleCount - before;
    resourceSpans[at + 3] = flags.value;
    if (flags.value !== 0) result.hasReferences = true;
  }
  result.newestNano = found.newestNano;
  result.resources = resourceSpans.slice(0, 4 * result.resourceCount);
  if (resourceSpans.length > 1 << 16) resourceSpans = new Int32Array(4 * 256);
  return result;
}

function findParts(buf: Buffer, result: ScanResult): number {
  const end = buf.length;
  let p = 0;
  while (p < end) {
    const fieldStart = p;
    p = readTag(buf, p, end);
    if (p < 0) return p;
    if (tag.value === 0x0a) {
      p = openLength(buf, p, end);
      if (p < 0) return p;
      if (result.resourceCount >= maxParts) return failForGood(`more than ${maxParts} resources`, p);
      const at = 4 * result.resourceCount++;
      if (at >= resourceSpans.length) {
        const larger = new Int32Array(resourceSpans.length * 2);
        larger.set(resourceSpans);
        resourceSpans = larger;
      }
      resourceSpans[at] = p;
      resourceSpans[at + 1] = span.end;
      p = span.end;
    } else if (tag.value === 0x12) {
      if (result.dictionaryStart >= 0) return fail("a dictionary in parts", p);
      p = openLength(buf, p, end);
      if (p < 0) return p;
      result.dictionaryStart = p;
      result.dictionaryEnd = span.end;
      p = span.end;
    } else {
      p = scanUnknown(buf, p, end, 2, "ExportProfilesServiceRequest");
      if (p < 0) return p;
      result.unknown.push(fieldStart, p);
    }
  }
  return p;
}

function scanResourceProfiles(buf: Buffer, p: number, end: number, result: ScanResult, strict: boolean): number {
  let resources = 0;
  flags.value = 0;
  while (p < end) {
    p = readTag(buf, p, end);
    if (p < 0) return p;
    if (tag.value === 0x0a) {
      if (resources++ > 0) return fail("a resource in parts", p);
      p = openLength(buf, p, end);
      references.seen = false;
      if (p >= 0) p = scanResource(buf, p, span.end);
      if (references.seen) flags.value |= resourceReferences;
    } else if (tag.value === 0x12) {
      p = openLength(buf, p, end);
      if (p >= 0) p = scanScopeProfiles(buf, p, span.end, result, strict);
    } else if (tag.value === 0x1a) p = checkString(buf, p, end, "schema_url");
    else p = scanUnknown(buf, p, end, 3, "ResourceProfiles");
    if (p < 0) return p;
  }
  return p;
}

function scanScopeProfiles(buf: Buffer, p: number, end: number, result: ScanResult, strict: boolean): number {
  let scopes = 0;
  if (++scopeCount > maxParts) return failForGood(`more than ${maxParts} scopes`, p);
  while (p < end) {
    p = readTag(buf, p, end);
    if (p < 0) return p;
    if (tag.value === 0x0a) {
      if (scopes++ > 0) return fail("a scope in parts", p);
      p = openLength(buf, p, end);
      references.seen = false;
      if (p >= 0) p = scanScope(buf, p, span.end);
      if (references.seen) flags.value |= scopeReferences;
    } else if (tag.value === 0x12) {
      p = openLength(buf, p, end);
      if (p < 0) return p;
      p = scanProfile(buf, p, span.end, result.counts, strict);
      result.sampleCount += found.samples;
      if (++result.profileCount > maxParts) return failForGood(`more than ${maxParts} profiles`, p);
    } else if (tag.value === 0x1a) p = checkString(buf, p, end, "schema_url");
    else p = scanUnknown(buf, p, end, 3, "ScopeProfiles");
    if (p < 0) return p;
  }
  return p;
}

/** Why the last scan returned undefined. */
export function scanFault(): string {
  return `${fault.reason} (at byte ${fault.at})`;
}
