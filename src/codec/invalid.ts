import { InvalidProfilesError } from "../pdata/invalid.js";

/** Input that may be fine but for its size: more bytes, samples or depth than a limit allows. Borders answer 413. */
export class TooLargeError extends InvalidProfilesError {
  constructor(message: string) {
    super(message);
    this.name = "TooLargeError";
  }
}

/** Input that isn't what its format asks for; the message begins with the format's name. Borders answer 400. */
export function invalid(format: string, reason: string): InvalidProfilesError {
  return new InvalidProfilesError(`${format}: ${reason}`);
}

/** What unparsable input seems to be, for error texts: " (it looks like …)", or "". */
export function looksLike(bytes: Buffer): string {
  if (bytes.length === 0) return "";
  const start = bytes.latin1Slice(0, Math.min(bytes.length, 256));
  if (/^\s*<(!doctype|html|\?xml)/i.test(start)) return " (it looks like HTML or XML)";
  if (/^\s*[[{]/.test(start)) return " (it looks like JSON)";
  if (start.startsWith("FLR\0")) return " (it looks like JFR)";
  if (start.startsWith("PK\x03\x04")) return " (it looks like a zip file)";
  if (start.startsWith("(\xb5/\xfd")) return " (it looks like zstd)";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: text has none of them
  if (/[\x00-\x08\x0e-\x1f]/.test(start)) return "";
  const line = start.split(/\r?\n/, 1)[0].slice(0, 60);
  return ` (it looks like text: ${JSON.stringify(line)})`;
}
