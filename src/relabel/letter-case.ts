/**
 * Upper and lower case code point by code point, as Go's strings.ToUpper and ToLower: no "ß" to "SS", no final sigma.
 * JavaScript maps some code points to several; for those the simple mapping of Unicode stands here.
 */
export function toLowerSimple(text: string): string {
  return mapCodePoints(text, (point) => point.toLowerCase(), simpleLower);
}

export function toUpperSimple(text: string): string {
  return mapCodePoints(text, (point) => point.toUpperCase(), simpleUpper);
}

function mapCodePoints(text: string, full: (point: string) => string, simple: (point: string) => string): string {
  let out = "";
  for (const point of text) {
    const mapped = full(point);
    out += mapped.length <= point.length ? mapped : simple(point);
  }
  return out;
}

function simpleLower(point: string): string {
  return point === "\u0130" ? "i" : point;
}

/** Greek letters with iota subscript have a single upper-case form; the other ones that JavaScript spreads have none. */
function simpleUpper(point: string): string {
  const code = point.codePointAt(0) ?? 0;
  if (code >= 0x1f80 && code <= 0x1faf) return String.fromCodePoint(code | 8);
  if (code === 0x1fb3 || code === 0x1fc3 || code === 0x1ff3) return String.fromCodePoint(code + 9);
  return point;
}
