/**
 * JSON with exact integers: those that a double can't hold arrive as decimal strings. Objects have no prototype, so
 * that a key such as __proto__ is a key.
 */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export function parseExactJson(text: string): Json {
  return JSON.parse(quoteLongIntegers(text), (_key, value) => {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    return Object.assign(Object.create(null), value);
  });
}

/** An integer of at least as many digits as may be too many for a double; not the digits of a fraction or an exponent. */
const longInteger = /(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;
const minDigits = 16;

/** One pass in linear time over whatever was sent, JSON or not: strings are stepped over, not matched. */
function quoteLongIntegers(text: string): string {
  const parts: string[] = [];
  let copied = 0;
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const stop = quote < 0 ? text.length : quote;
    if (stop - at >= minDigits) {
      const between = text.slice(at, stop);
      const quoted = between.replace(longInteger, '"$&"');
      if (quoted.length !== between.length) {
        parts.push(text.slice(copied, at), quoted);
        copied = stop;
      }
    }
    at = quote < 0 ? text.length : stringEnd(text, quote);
  }
  return parts.length === 0 ? text : parts.join("") + text.slice(copied);
}

/** Position behind the string that begins at `quote`. */
function stringEnd(text: string, quote: number): number {
  for (let end = text.indexOf('"', quote + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
  return text.length;
}
