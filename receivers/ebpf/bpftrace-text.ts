/*
 * Lines with a map as bpftrace writes nearly all of them: of escapes only newlines and tabs. They are cut where V8 cuts
 * fastest, by `split`: code of ours that looks at every byte runs uncompiled for the first minutes, once in five seconds.
 */

const headOfMap = /^\{"type": ?"map", ?"data": ?\{"@[^"\\]*": ?\{/;
/** So many characters show where the entries of a map begin. */
const maxHeadChars = 128;
/** What takes a JSON parser. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON has none in its texts.
const unusual = /[\0-\x1f]|\\[^nt]/;
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

/** The map that a line is; undefined where it is something else, or takes a JSON parser. */
export function readPlainMap(line: string): PlainMap | undefined {
  const head = headOfMap.exec(line.slice(0, maxHeadChars))?.[0];
  if (head === undefined || unusual.test(line)) return undefined;
  const keys: string[] = [];
  const counts: number[] = [];
  const entries = line.slice(head.length);
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

/** The newline that a key is cut at, as it stands in the line. */
export const plainNewline = "\\n";

/** A part of a key as it would stand in a plain line. */
export function escaped(part: string): string {
  return /[\\\t]/.test(part) ? part.replaceAll("\\", "\\\\").replaceAll("\t", "\\t") : part;
}

/** What a part of a key means; the reverse of `escaped`. */
export function unescaped(part: string): string {
  return part.includes("\\") ? part.replace(/\\(.)/g, (_, letter: string) => (letter === "t" ? "\t" : letter)) : part;
}
