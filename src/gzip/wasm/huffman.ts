import { BY_USES, BY_USES_AGAIN, DEPTH_COUNTS, DIGITS, NODE_DEPTHS, NODE_PARENTS, NODE_USES } from "./layout";
import { at } from "./list";

/**
 * Bits of the shortest code for symbols that occur so often, none longer than `maxBits`. At least two symbols get one, even
 * if nothing uses them: there are readers that expect every code to be complete.
 */
export function chooseBits(uses: usize, symbols: u32, maxBits: u32, bits: usize): void {
  memory.fill(bits, 0, usize(symbols));
  let used: u32 = 0;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const count = load<u32>(at(uses, symbol));
    if (count > 0) store<u32>(at(BY_USES, used++), (count << 16) | symbol);
  }
  for (let symbol: u32 = 0; used < 2; symbol++) {
    if (load<u32>(at(uses, symbol)) === 0) store<u32>(at(BY_USES, used++), 0x10000 | symbol);
  }
  sortByUses(used);
  joinNodes(used);
  countDepths(used, maxBits);
  let next: usize = BY_USES;
  for (let length = maxBits; length > 0; length--) {
    for (let left = load<u32>(at(DEPTH_COUNTS, length)); left > 0; left--) {
      store<u8>(bits + usize(load<u16>(next)), u8(length));
      next += 4;
    }
  }
}

/** A symbol occurs less than 2 ** 16 times in a block. */
function sortByUses(count: u32): void {
  sortByDigit(BY_USES, BY_USES_AGAIN, count, 16);
  sortByDigit(BY_USES_AGAIN, BY_USES, count, 24);
}

function sortByDigit(from: usize, to: usize, count: u32, shift: u32): void {
  memory.fill(DIGITS, 0, 1024);
  for (let i: u32 = 0; i < count; i++) {
    const digit = at(DIGITS, (load<u32>(at(from, i)) >>> shift) & 0xff);
    store<u32>(digit, load<u32>(digit) + 1);
  }
  let place: u32 = 0;
  for (let digit: u32 = 0; digit < 256; digit++) {
    const here = load<u32>(at(DIGITS, digit));
    store<u32>(at(DIGITS, digit), place);
    place += here;
  }
  for (let i: u32 = 0; i < count; i++) {
    const entry = load<u32>(at(from, i));
    const digit = at(DIGITS, (entry >>> shift) & 0xff);
    place = load<u32>(digit);
    store<u32>(digit, place + 1);
    store<u32>(at(to, place), entry);
  }
}

/** Huffman's tree: the two rarest, symbols or nodes, become a node, until one is left. Nodes are made in order of their uses. */
function joinNodes(symbols: u32): void {
  let symbol: u32 = 0;
  let joined: u32 = 0;
  for (let node: u32 = 0; node < symbols - 1; node++) {
    let uses: u32 = 0;
    for (let child = 0; child < 2; child++) {
      const ofSymbol: u32 = symbol < symbols ? load<u32>(at(BY_USES, symbol)) >>> 16 : -1;
      const ofNode: u32 = joined < node ? load<u32>(at(NODE_USES, joined)) : -1;
      if (ofSymbol <= ofNode) {
        uses += ofSymbol;
        symbol++;
      } else {
        uses += ofNode;
        store<u16>((usize(joined) << 1) + NODE_PARENTS, u16(node));
        joined++;
      }
    }
    store<u32>(at(NODE_USES, node), uses);
  }
}

/**
 * How many symbols have codes of each length. From the root down, every node takes the place of a symbol and gives two one
 * bit longer. Where that is past `maxBits`, the longest that can still be made longer gives its place.
 */
function countDepths(symbols: u32, maxBits: u32): void {
  memory.fill(DEPTH_COUNTS, 0, 64);
  store<u32>(at(DEPTH_COUNTS, 1), 2);
  store<u8>(usize(symbols - 2) + NODE_DEPTHS, 0);
  for (let node = i32(symbols) - 3; node >= 0; node--) {
    const parent = load<u16>((usize(node) << 1) + NODE_PARENTS);
    let depth = u32(load<u8>(usize(parent) + NODE_DEPTHS)) + 1;
    store<u8>(usize(node) + NODE_DEPTHS, u8(depth));
    if (depth >= maxBits) {
      depth = maxBits - 1;
      while (load<u32>(at(DEPTH_COUNTS, depth)) === 0) depth--;
    }
    const here = at(DEPTH_COUNTS, depth);
    store<u32>(here, load<u32>(here) - 1);
    store<u32>(here, load<u32>(here, 4) + 2, 4);
  }
}

/** Codes of these lengths, u32 each: the bits with the first one lowest, and how many they are from bit 16. */
export function writeCodes(bits: usize, symbols: u32, codes: usize): void {
  memory.fill(DEPTH_COUNTS, 0, 64);
  for (let symbol: usize = 0; symbol < usize(symbols); symbol++) {
    const count = at(DEPTH_COUNTS, u32(load<u8>(bits + symbol)));
    store<u32>(count, load<u32>(count) + 1);
  }
  store<u32>(DEPTH_COUNTS, 0);
  let code: u32 = 0;
  let shorter: u32 = 0;
  for (let length: u32 = 1; length < 16; length++) {
    code = (code + shorter) << 1;
    shorter = load<u32>(at(DEPTH_COUNTS, length));
    store<u32>(at(DEPTH_COUNTS, length), code);
  }
  for (let symbol: usize = 0; symbol < usize(symbols); symbol++) {
    const length = u32(load<u8>(bits + symbol));
    if (length === 0) continue;
    const next = at(DEPTH_COUNTS, length);
    code = load<u32>(next);
    store<u32>(next, code + 1);
    store<u32>(codes + (symbol << 2), (reversed(code) >>> (16 - length)) | (length << 16));
  }
}

/** The 16 bits of a number, last one first. */
function reversed(bits: u32): u32 {
  bits = ((bits & 0x5555) << 1) | ((bits >>> 1) & 0x5555);
  bits = ((bits & 0x3333) << 2) | ((bits >>> 2) & 0x3333);
  bits = ((bits & 0x0f0f) << 4) | ((bits >>> 4) & 0x0f0f);
  return ((bits & 0xff) << 8) | (bits >>> 8);
}
