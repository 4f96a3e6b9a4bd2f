import { type AnyValue, intValue, stringValue } from "../pdata/any-value.js";
import { valueToText } from "./text.js";

const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;

/** The value in another type; the same value where that is impossible. */
export function convertValue(value: AnyValue, type: "string" | "int" | "double"): AnyValue {
  if (value.type === type) return value;
  if (type === "string") return stringValue(valueToText(value));
  if (type === "int") return toInt(value);
  return toDouble(value);
}

function toInt(value: AnyValue): AnyValue {
  switch (value.type) {
    case "bool":
      return intValue(value.value ? 1n : 0n);
    case "double": {
      const whole = Math.trunc(value.value);
      // What doesn't fit becomes the smallest integer, as on amd64.
      return intValue(whole >= -(2 ** 63) && whole < 2 ** 63 ? BigInt(whole) : minInt64);
    }
    case "string": {
      if (!/^[+-]?[0-9]+$/.test(value.value)) return value;
      const number = BigInt(value.value.replace(/^\+/, ""));
      return number >= minInt64 && number <= maxInt64 ? intValue(number) : value;
    }
    default:
      return value;
  }
}

function toDouble(value: AnyValue): AnyValue {
  switch (value.type) {
    case "bool":
      return { type: "double", value: value.value ? 1 : 0 };
    case "int":
      return { type: "double", value: Number(value.value) };
    case "string": {
      const number = parseGoFloat(value.value);
      return number === undefined ? value : { type: "double", value: number };
    }
    default:
      return value;
  }
}

const words = /^([+-]?)(?:inf|infinity)$/i;
const decimal = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?$/i;
const hexadecimal = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)p([+-]?[0-9]+)$/i;

/** Go's strconv.ParseFloat: underscores between digits, hexadecimal with a binary exponent, inf and nan; undefined if it is none or out of range. */
export function parseGoFloat(text: string): number | undefined {
  const infinite = words.exec(text);
  if (infinite) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^nan$/i.test(text)) return Number.NaN;
  const plain = withoutUnderscores(text);
  if (plain === undefined) return undefined;
  const hex = hexadecimal.exec(plain);
  const number = hex ? hexToNumber(hex[1], hex[2], hex[3], hex[4]) : decimal.test(plain) ? Number(plain) : undefined;
  return number !== undefined && Number.isFinite(number) ? number : undefined;
}

/** An underscore stands between two digits, or between the prefix 0x and a digit. */
function withoutUnderscores(text: string): string | undefined {
  if (!text.includes("_")) return text;
  const digit = /^[+-]?0x/i.test(text) ? "[0-9a-fA-FxX]" : "[0-9]";
  const plain = text.replace(new RegExp(`(?<=${digit})_(?=${digit})`, "g"), "");
  return plain.includes("_") ? undefined : plain;
}

function hexToNumber(sign: string, whole: string, fraction: string, exponent: string): number | undefined {
  if (whole === "" && fraction === "") return undefined;
  const mantissa = BigInt(`0x${whole}${fraction}`);
  const power = Number(exponent) - 4 * fraction.length;
  const magnitude = mantissa === 0n ? 0 : scale(mantissa, power);
  return sign === "-" ? -magnitude : magnitude;
}

/** mantissa * 2^power, rounded once, half to even. */
function scale(mantissa: bigint, power: number): number {
  const bits = mantissa.toString(2).length;
  if (bits + power > 1024) return Number.POSITIVE_INFINITY;
  if (bits + power < -1100) return 0;
  // Doubles below 2^-1022 have fewer bits: cut those off here, so that nothing is rounded twice.
  const excess = Math.max(bits - 53, -1074 - power);
  if (excess <= 0) return timesPowerOfTwo(Number(mantissa), power);
  const shift = BigInt(excess);
  let kept = mantissa >> shift;
  const rest = mantissa - (kept << shift);
  const half = 1n << (shift - 1n);
  if (rest > half || (rest === half && (kept & 1n) === 1n)) kept += 1n;
  return timesPowerOfTwo(Number(kept), power + excess);
}

/** In two steps, since 2^power alone may lie outside the doubles. */
function timesPowerOfTwo(number: number, power: number): number {
  const first = Math.trunc(power / 2);
  return number * 2 ** first * 2 ** (power - first);
}
