import { z } from "zod";

/**
 * Shared scalar schemas for component configs. src/config reads the metadata that they carry (`secret`, `duration`) for
 * redaction, diagnosis and config/schema.json.
 */

/** A value that never appears in logs, print-config or errors. */
export function secret(): z.ZodString {
  return z.string().meta({ secret: true });
}

const unitMs: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** 2^63 nanoseconds, 292 years: Go's durations end there. */
const maxDurationMs = 2 ** 63 / 1e6;

/** Go duration text ("1m30s", "300ms", "-1.5h", "0") to milliseconds; undefined if it is not one. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)$/.exec(text);
  if (!match) return undefined;
  let total = 0;
  for (const [, number, unit] of match[2].matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(number) * unitMs[unit];
  }
  if (total >= maxDurationMs) return undefined;
  return match[1] === "-" ? -total : total;
}

/**
 * A Go duration; the parsed value is milliseconds (possibly fractional). A bare integer means nanoseconds, as in the
 * Collector. `fallback` is the default, in Go's notation.
 */
export function duration(fallback: string): z.ZodDefault<z.ZodType<number, string | number>> {
  const parsed = z
    .union([z.string(), z.int()])
    .transform((value, ctx) => {
      if (typeof value === "number") return value / 1e6;
      const ms = parseDurationMs(value);
      if (ms !== undefined) return ms;
      ctx.addIssue({
        code: "custom",
        message: `time: invalid duration "${value}" (write a number with a unit, such as "300ms", "5s" or "1m30s")`,
      });
      return z.NEVER;
    })
    .meta({ duration: true }) as unknown as z.ZodType<number, string | number>;
  const ms = parseDurationMs(fallback);
  if (ms === undefined) throw new Error(`bad default duration ${fallback}`);
  return parsed.prefault(fallback) as unknown as z.ZodDefault<z.ZodType<number, string | number>>;
}
