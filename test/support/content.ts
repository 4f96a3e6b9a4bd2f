import type { Random } from "./random.js";

/** Text with repetitions near and far, runs, and bytes that nothing foretells. */
export function someContent(random: Random, size: number): Buffer {
  const out = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    const length = Math.min(size - at, 1 + random.int(random.chance(0.1) ? 600 : 20));
    const kind = random.int(4);
    if (kind === 0 && at > 0) {
      const distance = 1 + random.int(random.chance(0.5) ? Math.min(at, 16) : at);
      for (let i = 0; i < length; i++) out[at + i] = out[at + i - distance];
    } else if (kind === 1) out.fill(random.int(256), at, at + length);
    else for (let i = 0; i < length; i++) out[at + i] = kind === 2 ? random.int(256) : 97 + random.int(6);
    at += length;
  }
  return out;
}
