import type { Clock } from "../../src/delivery/clock.js";
import type { Logger } from "../../src/telemetry/log.js";

/** Lines of an agent that are logged in a window; the others are counted. */
const maxLines = 20;
const windowMs = 10_000;
const maxLineLength = 500;
const troubled = /\b(?:warn|warning|error|fatal|panic|failed|can't|cannot)\b/i;

/** Writes what an agent says to our log, at a bounded rate. */
export function createAgentLog(log: Logger, clock: Clock): (line: string) => void {
  let windowBeganMs = Number.NEGATIVE_INFINITY;
  let lines = 0;
  let quiet = 0;
  return (line) => {
    // Agents colour what they write.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
    const text = line.replace(/\x1b\[[0-9;]*m/g, "").trim();
    if (text === "") return;
    if (clock.now() - windowBeganMs >= windowMs) {
      if (quiet > 0) log.warn("The agent said more than is logged", { lines: quiet });
      windowBeganMs = clock.now();
      lines = 0;
      quiet = 0;
    }
    if (++lines > maxLines) quiet++;
    else if (troubled.test(text)) log.warn("The agent says", { line: text.slice(0, maxLineLength) });
    else log.info("The agent says", { line: text.slice(0, maxLineLength) });
  };
}
