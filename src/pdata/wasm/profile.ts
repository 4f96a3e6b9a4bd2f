import {
  EMPTY_SAMPLE,
  FIELD_12,
  ID_PROFILE,
  IN_PARTS,
  MESSAGE_PROFILE,
  MESSAGE_SAMPLE,
  MESSAGE_VALUE_TYPE,
  ODD_TIMESTAMPS,
  PART_VALUE_TYPE,
  PAYLOAD_WITHOUT_FORMAT,
  TEXT_PAYLOAD_FORMAT,
  TRUNCATED_FIXED64,
  UNEQUAL_NUMBERS,
} from "./faults";
import { noteIndex, noteIndexList } from "./indices";
import { ATTRIBUTE, LINK, STACK, STRING } from "./numbers";
import {
  checkId,
  checkText,
  countVarints,
  fail,
  once,
  openLength,
  readTag,
  readVarint,
  skipField,
  skipUnknown,
  skipVarint,
  spanEnd,
  tag,
  varint,
  varintCount,
} from "./primitives";

/** Samples of the profile that was scanned last. */
export let profileSamples: i32 = 0;
/** The newest time + duration of a profile since clearNewest, in unix nanoseconds. */
export let newestNano: f64 = 0;

export function clearNewest(): void {
  newestNano = 0;
}

/** ValueType at p. */
function scanValueType(p: usize, end: usize): usize {
  p = openLength(p, end);
  if (p === 0) return 0;
  const stop = spanEnd;
  while (p < stop) {
    p = readTag(p, stop);
    if (p === 0) return 0;
    if (tag === 0x08 || tag === 0x10) p = noteIndex(p, stop, STRING);
    else p = skipUnknown(p, stop, 2, MESSAGE_VALUE_TYPE);
    if (p === 0) return 0;
  }
  return p;
}

/** Sample in [p, end): the hottest message. */
function scanSample(p: usize, end: usize): usize {
  let seen: u32 = 0;
  let values: i32 = 0;
  let timestamps: i32 = 0;
  while (p < end) {
    const byte = load<u8>(p++);
    switch (byte) {
      case 0x08:
        p = noteIndex(p, end, STACK);
        break;
      case 0x12:
        if (!once(seen, 1, p)) return 0;
        seen |= 1;
        p = openLength(p, end);
        if (p !== 0) p = noteIndexList(p, spanEnd, ATTRIBUTE);
        break;
      case 0x18:
        p = noteIndex(p, end, LINK);
        break;
      case 0x22:
        if (!once(seen, 2, p)) return 0;
        seen |= 2;
        p = openLength(p, end);
        if (p !== 0) p = countVarints(p, spanEnd);
        values = varintCount;
        break;
      case 0x2a: {
        if (!once(seen, 4, p)) return 0;
        seen |= 4;
        p = openLength(p, end);
        if (p === 0) return 0;
        const bytes = i32(spanEnd - p);
        if ((bytes & 7) !== 0) return fail(ODD_TIMESTAMPS, p);
        timestamps = bytes >>> 3;
        p = spanEnd;
        break;
      }
      default:
        p = readTag(p - 1, end);
        if (p !== 0) p = skipUnknown(p, end, 5, MESSAGE_SAMPLE);
    }
    if (p === 0) return 0;
  }
  if (values !== timestamps && values !== 0 && timestamps !== 0) return fail(UNEQUAL_NUMBERS, p, values, timestamps);
  if (values === 0 && timestamps === 0) return fail(EMPTY_SAMPLE, p);
  return p;
}

/**
 * Profile in [p, end). `strict` is set for what the slow path has written: field 12, which protocol 1.8 used, is then
 * an unknown field like any other.
 */
export function scanProfile(p: usize, end: usize, strict: bool): usize {
  let seen: u32 = 0;
  let time: f64 = 0;
  let duration: f64 = 0;
  profileSamples = 0;
  while (p < end) {
    p = readTag(p, end);
    if (p === 0) return 0;
    switch (tag) {
      case 0x12:
        p = openLength(p, end);
        if (p !== 0) p = scanSample(p, spanEnd);
        profileSamples++;
        break;
      case 0x0a:
      case 0x2a: {
        const bit: u32 = tag === 0x0a ? 1 : 2;
        if ((seen & bit) !== 0) return fail(IN_PARTS, p, PART_VALUE_TYPE);
        seen |= bit;
        p = scanValueType(p, end);
        break;
      }
      case 0x19:
        if (end - p < 8) return fail(TRUNCATED_FIXED64, p);
        time = f64(load<u64>(p));
        p += 8;
        break;
      case 0x20:
        p = readVarint(p, end);
        duration = f64(varint);
        break;
      case 0x30:
      case 0x40:
        p = skipVarint(p, end);
        break;
      case 0x52:
        seen |= 8;
        p = skipField(p, end, 2);
        break;
      case 0x3a:
        p = checkId(p, end, 16, ID_PROFILE);
        break;
      case 0x4a:
        seen |= 16;
        p = checkText(p, end, TEXT_PAYLOAD_FORMAT);
        break;
      case 0x5a:
        if (!once(seen, 4, p)) return 0;
        seen |= 4;
        p = openLength(p, end);
        if (p !== 0) p = noteIndexList(p, spanEnd, ATTRIBUTE);
        break;
      default:
        if (tag >>> 3 === 12 && !strict) return fail(FIELD_12, p);
        p = skipUnknown(p, end, 11, MESSAGE_PROFILE);
    }
    if (p === 0) return 0;
  }
  if ((seen & 24) === 8 && !strict) return fail(PAYLOAD_WITHOUT_FORMAT, p);
  if (time + duration > newestNano) newestNano = time + duration;
  return p;
}
