import type { ScalarValue } from "./node.js";

const integerPattern = /^[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$/;
const floatPattern = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

const words = new Map<string, ScalarValue>([
  ["", null],
  ["~", null],
  ["null", null],
  ["Null", null],
  ["NULL", null],
  ["true", true],
  ["True", true],
  ["TRUE", true],
  ["false", false],
  ["False", false],
  ["FALSE", false],
  [".nan", Number.NaN],
  [".NaN", Number.NaN],
  [".NAN", Number.NaN],
  ...[".inf", ".Inf", ".INF"].flatMap((word): [string, number][] => [
    [word, Number.POSITIVE_INFINITY],
    [`+${word}`, Number.POSITIVE_INFINITY],
    [`-${word}`, Number.NEGATIVE_INFINITY],
  ]),
]);

const maxUint64 = 2n ** 64n - 1n;
const minInt64 = -(2n ** 63n);

/**
 * What an unquoted YAML scalar means to the Collector: YAML 1.2's words (yes, no, on and off are text), with YAML 1.1's
 * octals ("0123" is 83) and underscores in numbers. Integers of up to 64 bits are exact; wider ones are floats. Dates
 * stay text.
 */
export function resolvePlainScalar(text: string): ScalarValue {
  const word = words.get(text);
  if (word !== undefined) return word;
  if (!/^[-+.0-9]/.test(text)) return text;
  const digits = text.replaceAll("_", "");
  if (integerPattern.test(digits)) {
    const value = parseInteger(digits);
    if (value >= minInt64 && value <= maxUint64) return value;
  }
  return floatPattern.test(digits) ? Number(digits) : text;
}

/** Sign, then 0x, 0b, 0o or a bare leading zero for octal. */
function parseInteger(text: string): bigint {
  const negative = text.startsWith("-");
  let digits = text.replace(/^[-+]/, "");
  if (/^0[0-7]/.test(digits)) digits = `0o${digits.slice(1)}`;
  const value = BigInt(digits.toLowerCase());
  return negative ? -value : value;
}
