import { scanDictionary } from "./dictionary";
import {
  IN_PARTS,
  MANY_PARTS,
  MESSAGE_REQUEST,
  MESSAGE_RESOURCE_PROFILES,
  MESSAGE_SCOPE_PROFILES,
  PART_DICTIONARY,
  PART_RESOURCE,
  PART_SCOPE,
  PARTS_PROFILES,
  PARTS_RESOURCES,
  PARTS_SCOPES,
  PARTS_UNKNOWN,
  TEXT_SCHEMA_URL,
} from "./faults";
import { checkIndices, clearIndices } from "./indices";
import { COUNTS, DICTIONARY, FLAGS, INPUT, NEWEST, RESOURCE_BYTES, TOTALS, UNKNOWN_BYTES } from "./layout";
import { maxParts } from "./numbers";
import {
  checkText,
  fail,
  fault,
  faultAt,
  faultDetail,
  faultDetail2,
  openLength,
  readTag,
  skipUnknown,
  spanEnd,
  tag,
} from "./primitives";
import { clearNewest, newestNano, profileSamples, scanProfile } from "./profile";
import { clearReferences, hasReferences, scanResource, scanScope } from "./values";

/** Flags of a resource: its own attributes, or those of a scope, hold references into the string table. */
const resourceReferences: u32 = 1;
const scopeReferences: u32 = 2;

let resourceCount: u32 = 0;
let unknownCount: u32 = 0;
let scopeCount: u32 = 0;
let profileCount: u32 = 0;
let samples: u32 = 0;
let flags: u32 = 0;

/**
 * Walks the request of `length` bytes at INPUT. Writes what it found as ../scan.ts reads it: counts and totals at their
 * places, the list of resources at `resources`, the list of unknown fields at `unknown`, all positions counted from INPUT.
 * False where the bytes are not the plain shape.
 */
export function scan(length: u32, resources: usize, unknown: usize, strict: bool): bool {
  memory.fill(COUNTS, 0, INPUT - COUNTS);
  clearIndices();
  clearNewest();
  resourceCount = 0;
  unknownCount = 0;
  scopeCount = 0;
  profileCount = 0;
  samples = 0;
  if (findParts(INPUT, usize(length) + INPUT, resources, unknown) === 0) return false;
  const dictionary = usize(load<u32>(DICTIONARY));
  if (dictionary !== 0 && scanDictionary(dictionary, usize(load<u32>(DICTIONARY + 4))) === 0) return false;
  for (let i: u32 = 0; i < resourceCount; i++) {
    if (scanListed(resources + usize(i) * RESOURCE_BYTES, strict) === 0) return false;
  }
  if (!checkIndices()) return false;
  store<u32>(TOTALS, resourceCount);
  store<u32>(TOTALS + 4, samples);
  store<u32>(TOTALS + 8, profileCount);
  store<u32>(TOTALS + 12, unknownCount);
  store<f64>(NEWEST, newestNano);
  return true;
}

/** The fault of the last scan that returned false. */
export function faultCode(): i32 {
  return fault;
}
/** Its position in the request. */
export function faultPosition(): i32 {
  return faultAt === 0 ? 0 : i32(faultAt - INPUT);
}
export function faultFirst(): i32 {
  return faultDetail;
}
export function faultSecond(): i32 {
  return faultDetail2;
}

function findParts(p: usize, end: usize, resources: usize, unknown: usize): usize {
  if (p === end) return p;
  while (p < end) {
    const start = p;
    p = readTag(p, end);
    if (p === 0) return 0;
    if (tag === 0x0a) {
      p = openLength(p, end);
      if (p === 0) return 0;
      if (resourceCount >= u32(maxParts)) return fail(MANY_PARTS, p, PARTS_RESOURCES);
      const at = resources + usize(resourceCount++) * RESOURCE_BYTES;
      store<u32>(at, u32(p));
      store<u32>(at + 4, u32(spanEnd));
      p = spanEnd;
    } else if (tag === 0x12) {
      if (load<u32>(DICTIONARY) !== 0) return fail(IN_PARTS, p, PART_DICTIONARY);
      p = openLength(p, end);
      if (p === 0) return 0;
      store<u32>(DICTIONARY, u32(p));
      store<u32>(DICTIONARY + 4, u32(spanEnd));
      p = spanEnd;
    } else {
      p = skipUnknown(p, end, 2, MESSAGE_REQUEST);
      if (p === 0) return 0;
      if (unknownCount >= u32(maxParts)) return fail(MANY_PARTS, p, PARTS_UNKNOWN);
      const at = unknown + usize(unknownCount++) * UNKNOWN_BYTES;
      store<u32>(at, u32(start - INPUT));
      store<u32>(at + 4, u32(p - INPUT));
    }
  }
  return p;
}

/** Scans a resource of the list, and completes its row there. */
function scanListed(row: usize, strict: bool): usize {
  const before = samples;
  const start = usize(load<u32>(row));
  const end = usize(load<u32>(row + 4));
  flags = 0;
  const p = scanResourceProfiles(start, end, strict);
  store<u32>(row, u32(start - INPUT));
  store<u32>(row + 4, u32(end - INPUT));
  store<u32>(row + 8, samples - before);
  store<u32>(row + 12, flags);
  if (flags !== 0) store<u32>(FLAGS + 4, 1);
  return p;
}

function scanResourceProfiles(p: usize, end: usize, strict: bool): usize {
  let hasResource = false;
  while (p < end) {
    p = readTag(p, end);
    if (p === 0) return 0;
    if (tag === 0x0a) {
      if (hasResource) return fail(IN_PARTS, p, PART_RESOURCE);
      hasResource = true;
      p = openLength(p, end);
      clearReferences();
      if (p !== 0) p = scanResource(p, spanEnd);
      if (hasReferences) flags |= resourceReferences;
    } else if (tag === 0x12) {
      p = openLength(p, end);
      if (p !== 0) p = scanScopeProfiles(p, spanEnd, strict);
    } else if (tag === 0x1a) p = checkText(p, end, TEXT_SCHEMA_URL);
    else p = skipUnknown(p, end, 3, MESSAGE_RESOURCE_PROFILES);
    if (p === 0) return 0;
  }
  return p;
}

function scanScopeProfiles(p: usize, end: usize, strict: bool): usize {
  let hasScope = false;
  if (++scopeCount > u32(maxParts)) return fail(MANY_PARTS, p, PARTS_SCOPES);
  while (p < end) {
    p = readTag(p, end);
    if (p === 0) return 0;
    if (tag === 0x0a) {
      if (hasScope) return fail(IN_PARTS, p, PART_SCOPE);
      hasScope = true;
      p = openLength(p, end);
      clearReferences();
      if (p !== 0) p = scanScope(p, spanEnd);
      if (hasReferences) flags |= scopeReferences;
    } else if (tag === 0x12) {
      p = openLength(p, end);
      if (p === 0) return 0;
      p = scanProfile(p, spanEnd, strict);
      samples += profileSamples;
      if (++profileCount > u32(maxParts)) return fail(MANY_PARTS, p, PARTS_PROFILES);
    } else if (tag === 0x1a) p = checkText(p, end, TEXT_SCHEMA_URL);
    else p = skipUnknown(p, end, 3, MESSAGE_SCOPE_PROFILES);
    if (p === 0) return 0;
  }
  return p;
}
