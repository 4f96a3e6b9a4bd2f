/*
 * Lines with a map as bpftrace writes them, cut where V8 cuts fastest, by `split`: code of ours that looks at every byte runs
 * uncompiled for the first minutes, once in five seconds. A JSON parser would keep one of the keys that print alike.
 *
 * Of escapes a plain text has only those of newlines and tabs. The others, which a process' name may have, are read before,
 * and what would not be plain then has a stand-in.
 */

const headOfMap = /^\{"type": ?"map", ?"data": ?\{"@[^"\\]*": ?\{/;
/** So many characters show where the entries of a map begin. */
const maxHeadChars = 128;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON has none in its texts.
const control = /[\0-\x1f]/;
const unusual = /\\[^nt]/;
const quoteStandIn = "\x01";
const backslashStandIn = "\x02";
const countBehindKey = /^: ?(0|[1-9]\d{0,14})(, ?|\}\}\})$/;

/** A newline that is escaped once: an odd number of backslashes before it. */
const onceEscapedNewline = /(?<!\\)(?:\\\\)*\\n/;

/**
 * bpftrace 0.23 escapes keys twice: the line with one of the two undone. One that has a newline escaped once is left as it
 * is; a thread may have a backslash and an n in its name.
 */
export function escapedOnce(line: string): string {
  const isTwice = line.includes("\\\\n") && !onceEscapedNewline.test(line);
  return isTwice ? line.replace(/\\([\\"])/g, "$1") : line;
}

/** A map's keys as they stand in the line, escapes and all, and their counts. */
export interface PlainMap {
  readonly keys: readonly string[];
  readonly counts: readonly number[];
}

/** The map that a line is; undefined where it is something else, or no JSON. */
export function readPlainMap(line: string): PlainMap | undefined {
  const head = headOfMap.exec(line.slice(0, maxHeadChars))?.[0];
  if (head === undefined || control.test(line)) return undefined;
  const keys: string[] = [];
  const counts: number[] = [];
  let entries: string | undefined = line.slice(head.length);
  if (unusual.test(entries)) entries = readUnusual(entries);
  if (entries === undefined) return undefined;
  if (entries === "}}}") return { keys, counts };
  // Nothing, then keys and what stands behind them in turn.
  const parts = entries.split('"');
  if (parts[0] !== "" || parts.length < 3 || parts.length % 2 === 0) return undefined;
  for (let i = 1; i < parts.length; i += 2) {
    const behind = countBehindKey.exec(parts[i + 1]);
    const isLast = i + 2 === parts.length;
    if (!behind || (behind[2] === "}}}") !== isLast) return undefined;
    keys.push(parts[i]);
    counts.push(Number(behind[1]));
  }
  return { keys, counts };
}

const meanings: Readonly<Record<string, string>> = {
  n: "\\n",
  t: "\\t",
  '"': quoteStandIn,
  "\\": backslashStandIn,
  "/": "/",
  b: "\b",
  f: "\f",
  r: "\r",
};

/** The text without escapes but those of newlines and tabs; undefined where one is none of JSON's. */
function readUnusual(text: string): string | undefined {
  let isJson = true;
  const plain = text.replace(/\\(u[\da-fA-F]{4}|.?)/g, (_, what: string) => {
    if (what.length > 1) return charOf(Number.parseInt(what.slice(1), 16));
    const meaning = meanings[what];
    if (meaning === undefined) isJson = false;
    return meaning ?? "";
  });
  return isJson ? plain : undefined;
}

/** The stand-ins' own characters are in nobody's name. */
function charOf(code: number): string {
  const char = String.fromCharCode(code);
  return char === quoteStandIn || char === backslashStandIn ? "\ufffd" : char;
}

/** The newline that a key is cut at, as it stands in the line. */
export const plainNewline = "\\n";

/** A part of a key as it would stand in a plain line. */
export function escaped(part: string): string {
  return /[\\\t]/.test(part) ? part.replaceAll("\\", backslashStandIn).replaceAll("\t", "\\t") : part;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the stand-ins.
const standIn = /\\t|[\x01\x02]/;

/** What a part of a key means; the reverse of `escaped`. */
export function unescaped(part: string): string {
  if (!standIn.test(part)) return part;
  return part.replaceAll("\\t", "\t").replaceAll(quoteStandIn, '"').replaceAll(backslashStandIn, "\\");
}
