import { InvalidArgumentError } from "commander";
import { parseDurationMs } from "../component/schema.js";

/** Of an option that may be given several times. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

export function parseDuration(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms < 0) throw new InvalidArgumentError('A duration has a unit, such as "5s" or "1m30s".');
  return ms;
}

export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) throw new InvalidArgumentError("Not a number >= 0.");
  return value;
}

export function parseCount(text: string): number {
  const value = parseNumber(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError("Not a whole number.");
  return value;
}

export function parseBool(text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new InvalidArgumentError("true or false.");
}

export function parsePositive(text: string): number {
  const value = parseNumber(text);
  if (value === 0) throw new InvalidArgumentError("Not a number > 0.");
  return value;
}

export function parsePositiveCount(text: string): number {
  return parsePositive(String(parseCount(text)));
}

export function parseHttpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new InvalidArgumentError("A URL begins with http:// or https://.");
}
