/** A small seeded generator (mulberry32), so that a failing case can be run again. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** A whole number in [0, below). */
  int(below: number): number;
  pick<T>(list: readonly T[]): T;
  chance(probability: number): boolean;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return { next, int, pick: (list) => list[int(list.length)], chance: (probability) => next() < probability };
}

/** A copy of `bytes` with one to three random changes: bytes set, flipped, cut out, put in, or doubled. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let out = Buffer.from(bytes);
  for (let n = random.int(3) + 1; n > 0 && out.length > 0; n--) {
    const at = random.int(out.length);
    const length = random.int(8) + 1;
    switch (random.int(5)) {
      case 0:
        out[at] = random.int(256);
        break;
      case 1:
        out[at] ^= 1 << random.int(8);
        break;
      case 2:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
        break;
      case 3:
        out = Buffer.concat([
          out.subarray(0, at),
          Buffer.from(Array.from({ length }, () => random.int(256))),
          out.subarray(at),
        ]);
        break;
      default:
        out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]);
    }
  }
  return out;
}
