import { SPARE, TABLE } from "./layout";
import { reach } from "./memory";
import { size } from "./table";

/** Longest text; what is longer is cut. */
const maxTextBytes: u64 = 8192;
const slotBytes: usize = 8;
const open: u8 = 0x5b;
const close: u8 = 0x5d;
const dots: u32 = 0x2e2e2e;
const lowBits: u64 = (u64(0x01010101) << 32) | 0x01010101;
const highBits: u64 = (u64(0x80808080) << 32) | 0x80808080;
const opens: u64 = (u64(0x5b5b5b5b) << 32) | 0x5b5b5b5b;
const hasSystemName: u32 = 0x80000000;

/*
 * The texts of an answer, numbered from 1 on; 0 is "". Each is copied out of the line table once, as far as there are slots
 * for where it was.
 */
let textsAt: usize = 0;
let endsAt: usize = 0;
let slots: usize = 0;
let slotShift: u32 = 0;
let slotMask: usize = 0;
let slotsLeft: u32 = 0;

export let textBytes: usize = 0;
/** The one of number 0 included. */
export let textCount: u32 = 0;
/** Number of the name as the table has it, where `nameAt` gave another one; else 0. */
export let systemName: u32 = 0;
/** Whether there is a "[" in the text that was copied last. */
let hasOpen: bool = false;

/** Slots by which the texts of so many addresses are found, as a power of two. */
export function slotBits(addresses: u32): u32 {
  return 32 - clz(4 * max(addresses, 16) - 1);
}

export function slotsBytes(bits: u32): usize {
  return slotBytes << usize(bits);
}

/** No texts any more. Slots, ends and texts will stand where they are told to; the texts have all that is behind them. */
export function openTexts(bits: u32, slotsFrom: usize, endsFrom: usize, textsFrom: usize): void {
  slots = slotsFrom;
  slotShift = 32 - bits;
  slotMask = (usize(1) << usize(bits)) - 1;
  slotsLeft = (1 << bits) / 2;
  memory.fill(slots, 0, slotsBytes(bits));
  endsAt = endsFrom;
  textsAt = textsFrom;
  store<u32>(endsAt, 0);
  textCount = 1;
  textBytes = 0;
}

/** The text at a place of the line table. */
export function textAt(at: u64): u32 {
  if (at >= size) return 0;
  const slot = slotOf(2 * u32(at) + 1);
  const known = load<u32>(slot + 4);
  if (known !== 0) return known - 1;
  const text = copyText(at);
  fill(slot, 2 * u32(at) + 1, text + 1);
  return text;
}

/** As `textAt`, of a function's name: as Go's runtime writes it, type arguments, which are shapes, become dots. */
export function nameAt(at: u64): u32 {
  systemName = 0;
  if (at >= size) return 0;
  const slot = slotOf(2 * u32(at) + 2);
  const known = load<u32>(slot + 4);
  if (known !== 0) {
    const text = (known & ~hasSystemName) - 1;
    if ((known & hasSystemName) !== 0) systemName = text - 1;
    return text;
  }
  let text = copyText(at);
  if (text !== 0 && hasOpen) {
    const plain = copyPlain(text);
    if (plain !== 0) {
      systemName = text;
      text = plain;
    }
  }
  fill(slot, 2 * u32(at) + 2, (text + 1) | (systemName !== 0 ? hasSystemName : 0));
  return text;
}

/** The slot of a key, or the free one that it could have. */
function slotOf(key: u32): usize {
  let number = usize((key * 0x9e3779b1) >>> slotShift);
  let slot = slots + number * slotBytes;
  while (load<u32>(slot) !== key && load<u32>(slot) !== 0) {
    number = (number + 1) & slotMask;
    slot = slots + number * slotBytes;
  }
  return slot;
}

function fill(slot: usize, key: u32, text: u32): void {
  if (slotsLeft === 0) return;
  slotsLeft--;
  store<u32>(slot, key);
  store<u32>(slot + 4, text);
}

/** Not 0 if one of eight bytes is zero; its lowest bit is of the first one that is. */
function zeroBytes(eight: u64): u64 {
  return (eight - lowBits) & ~eight & highBits;
}

/** Copies the text that begins at a place of the table and ends with a zero byte or is cut. */
function copyText(at: u64): u32 {
  const longest = usize(min(size - at, maxTextBytes));
  if (!makeRoom(longest)) return 0;
  const from = usize(at) + TABLE;
  const to = textsAt + textBytes;
  let length: usize = 0;
  let found: u64 = 0;
  for (;;) {
    const eight = load<u64>(from + length);
    store<u64>(to + length, eight);
    const zeros = zeroBytes(eight);
    const left = longest - length;
    if (zeros !== 0 || left < 8) {
      const more = min<usize>(zeros === 0 ? 8 : usize(ctz(zeros)) >>> 3, left);
      if (more > 0) found |= zeroBytes(eight ^ opens) << (64 - 8 * u64(more));
      length += more;
      break;
    }
    found |= zeroBytes(eight ^ opens);
    length += 8;
  }
  hasOpen = found !== 0;
  return endAt(textBytes + length);
}

/** Copies the text that came last with dots in the place of its type arguments; 0 where it has none. */
function copyPlain(text: u32): u32 {
  const end = textsAt + textBytes;
  const from = textsAt + usize(load<u32>(endsAt + 4 * usize(text) - 4));
  let first = from;
  while (load<u8>(first) !== open) first++;
  let last = end - 1;
  while (last > first && load<u8>(last) !== close) last--;
  if (last === first || (last === first + 4 && (load<u32>(first + 1) & 0xffffff) === dots)) return 0;
  if (!makeRoom(end - from + 3)) return 0;
  const head = first + 1 - from;
  memory.copy(end, from, head);
  store<u32>(end + head, dots);
  memory.copy(end + head + 3, last, end - last);
  return endAt(textBytes + head + 3 + (end - last));
}

function endAt(bytes: usize): u32 {
  if (bytes === textBytes) return 0;
  textBytes = bytes;
  store<u32>(endsAt + 4 * usize(textCount), u32(bytes));
  return textCount++;
}

/** False where there is no memory for so many bytes more. */
function makeRoom(bytes: usize): bool {
  const end = u64(textsAt) + textBytes + bytes + SPARE;
  return end <= u64(memory.size()) << 16 || reach(end + textBytes / 2) || reach(end);
}
