const maxPoints = 1024;

/** Punycode as Rust writes it, with `_` before the encoded part; undefined where it is none. */
export function decodePunycode(text: string): string | undefined {
  const split = text.lastIndexOf("_");
  const points = Array.from(split < 0 ? "" : text.slice(0, split), (char) => char.codePointAt(0) ?? 0);
  let value = 128;
  let index = 0;
  let bias = 72;
  let at = split + 1;
  let isFirst = true;
  while (at < text.length) {
    const before = index;
    let weight = 1;
    for (let k = 36; ; k += 36) {
      const digit = "abcdefghijklmnopqrstuvwxyz0123456789".indexOf(text[at++] ?? "?");
      if (digit < 0) return undefined;
      index += digit * weight;
      const threshold = Math.min(Math.max(k - bias, 1), 26);
      if (digit < threshold) break;
      weight *= 36 - threshold;
      if (weight > 2 ** 40) return undefined;
    }
    const count = points.length + 1;
    bias = adapted(index - before, count, isFirst);
    isFirst = false;
    value += Math.floor(index / count);
    index %= count;
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff) || count > maxPoints) return undefined;
    points.splice(index++, 0, value);
  }
  return points.map((point) => String.fromCodePoint(point)).join("");
}

function adapted(delta: number, count: number, isFirst: boolean): number {
  let rest = Math.floor(delta / (isFirst ? 700 : 2));
  rest += Math.floor(rest / count);
  let k = 0;
  for (; rest > 455; k += 36) rest = Math.floor(rest / 35);
  return k + Math.floor((36 * rest) / (rest + 38));
}
