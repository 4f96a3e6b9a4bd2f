import type { Random } from "./random.js";

/** A canonical Huffman code. */
export class HuffmanCode {
  /** Bits by symbol; 0 = the symbol has no code. */
  readonly lengths: readonly number[];
  /** The codes, first bit lowest. */
  readonly codes: readonly number[];

  constructor(lengths: readonly number[]) {
    this.lengths = lengths;
    this.codes = codesOf(lengths);
  }
}

/** A complete code for `count` of `symbols` symbols, `among` those always, drawn at random; none is longer than 15 bits. */
export function randomCode(random: Random, symbols: number, count: number, among: readonly number[] = []): HuffmanCode {
  const leaves = [1, 1];
  while (leaves.length < count) {
    const at = random.int(leaves.length);
    if (leaves[at] === 15) continue;
    leaves[at]++;
    leaves.push(leaves[at]);
  }
  const lengths = new Array<number>(symbols).fill(0);
  leaves.forEach((length, i) => {
    let symbol = among[i] ?? random.int(symbols);
    while (lengths[symbol] !== 0) symbol = (symbol + 1) % symbols;
    lengths[symbol] = length;
  });
  return new HuffmanCode(lengths);
}

const fourBits = new HuffmanCode(new Array(16).fill(4));

/** Writes a deflate stream of one block bit by bit, whatever its codes are. */
export class DeflateWriter {
  private readonly bytes: number[] = [];
  private bitCount = 0;

  bits(value: number, count: number): void {
    for (let i = 0; i < count; i++, this.bitCount++) {
      if (this.bitCount % 8 === 0) this.bytes.push(0);
      this.bytes[this.bytes.length - 1] |= ((value >>> i) & 1) << (this.bitCount % 8);
    }
  }

  /** The head of a last block with these codes: their lengths are written with four bits each. */
  openBlock(literals: HuffmanCode, distances: HuffmanCode): void {
    this.bits(1, 1);
    this.bits(2, 2);
    this.bits(literals.lengths.length - 257, 5);
    this.bits(distances.lengths.length - 1, 5);
    this.bits(15, 4);
    for (const symbol of [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]) {
      this.bits(symbol < 16 ? 4 : 0, 3);
    }
    for (const length of [...literals.lengths, ...distances.lengths]) this.symbol(fourBits, length);
  }

  symbol({ codes, lengths }: HuffmanCode, symbol: number): void {
    this.bits(codes[symbol], lengths[symbol]);
  }

  finish(): Buffer {
    return Buffer.from(this.bytes);
  }
}

function codesOf(lengths: readonly number[]): number[] {
  const codes = new Array<number>(lengths.length).fill(0);
  let code = 0;
  for (let length = 1; length <= 15; length++) {
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] === length) codes[symbol] = reversed(code++, length);
    }
    code <<= 1;
  }
  return codes;
}

function reversed(code: number, length: number): number {
  let result = 0;
  for (let i = 0; i < length; i++) result |= ((code >>> i) & 1) << (length - 1 - i);
  return result;
}
