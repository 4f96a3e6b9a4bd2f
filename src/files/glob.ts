import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { isAbsolute, join } from "node:path";

/** Bounds of one expansion. */
export interface GlobLimits {
  readonly maxFiles: number;
  /** Entries of directories that are looked at. */
  readonly maxEntries: number;
}

export const defaultGlobLimits: GlobLimits = { maxFiles: 10_000, maxEntries: 1_000_000 };

const magic = /[*?[{]/;

/**
 * Files that match a pattern, sorted: `*`, `?`, `[a-z]`, `[!a]`, `{a,b}` within a name, `**` for any number of
 * directories. A wildcard doesn't match a leading dot. Relative patterns begin at the working directory. A directory that
 * can't be read holds nothing. Throws where a limit is passed.
 */
export async function glob(pattern: string, limits: GlobLimits = defaultGlobLimits): Promise<string[]> {
  const found = new Set<string>();
  const budget = { entries: 0 };
  for (const plain of expandBraces(pattern)) {
    const root = isAbsolute(plain) ? "/" : "";
    const parts = plain.split("/").filter((part) => part !== "");
    await walk(root, parts, { found, budget, limits });
  }
  return [...found].sort();
}

/** True if a path matches as a whole. */
export function matchesGlob(path: string, pattern: string): boolean {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return expandBraces(pattern).some((plain) =>
    matchParts(
      parts,
      plain.split("/").filter((part) => part !== "" && part !== "."),
    ),
  );
}

function matchParts(path: readonly string[], pattern: readonly string[]): boolean {
  if (pattern.length === 0) return path.length === 0;
  const [first, ...rest] = pattern;
  if (first === "**") return matchParts(path, rest) || (path.length > 0 && matchParts(path.slice(1), pattern));
  return path.length > 0 && nameMatcher(first).test(path[0]) && matchParts(path.slice(1), rest);
}

interface Walk {
  readonly found: Set<string>;
  readonly budget: { entries: number };
  readonly limits: GlobLimits;
}

async function walk(dir: string, parts: readonly string[], state: Walk): Promise<void> {
  const [part, ...rest] = parts;
  if (part === undefined) return;
  if (part === "**") {
    await walk(dir, rest, state);
    for (const entry of await entries(dir, state)) {
      if (entry.isDirectory() && !entry.name.startsWith(".")) await walk(join(dir, entry.name), parts, state);
    }
    return;
  }
  if (!magic.test(part) && rest.length > 0) {
    await walk(join(dir, part), rest, state);
    return;
  }
  const matcher = nameMatcher(part);
  for (const entry of await entries(dir, state)) {
    if (!matcher.test(entry.name)) continue;
    const path = join(dir, entry.name);
    if (rest.length > 0) {
      if (entry.isDirectory() || entry.isSymbolicLink()) await walk(path, rest, state);
    } else if (entry.isFile() || entry.isSymbolicLink()) {
      state.found.add(path);
      if (state.found.size > state.limits.maxFiles) throw new Error(`more than ${state.limits.maxFiles} files match`);
    }
  }
}

async function entries(dir: string, { budget, limits }: Walk): Promise<Dirent[]> {
  const list = await readdir(dir === "" ? "." : dir, { withFileTypes: true }).catch(() => []);
  budget.entries += list.length;
  if (budget.entries > limits.maxEntries)
    throw new Error(`more than ${limits.maxEntries} directory entries to look at`);
  return list;
}

const maxAlternatives = 1000;

/** "a{b,c}" as ["ab", "ac"]. */
function expandBraces(pattern: string): string[] {
  let open = [pattern];
  for (let round = 0; round < 10; round++) {
    const next = open.flatMap((text) => {
      const match = /\{([^{}]*,[^{}]*)\}/.exec(text);
      if (!match) return [text];
      const tail = text.slice(match.index + match[0].length);
      return match[1].split(",").map((choice) => text.slice(0, match.index) + choice + tail);
    });
    if (next.length === open.length || next.length > maxAlternatives) return open;
    open = next;
  }
  return open;
}

const matchers = new Map<string, RegExp>();

function nameMatcher(part: string): RegExp {
  let matcher = matchers.get(part);
  if (!matcher) {
    let source = /^[*?[]/.test(part) ? "(?!\\.)" : "";
    for (const [token] of part.matchAll(/\[(?:!|\^)?\]?[^\]]*\]|\*+|\?|./gsu)) {
      if (token[0] === "*") source += "[^/]*";
      else if (token === "?") source += "[^/]";
      else if (token.length > 2 && token[0] === "[") {
        source += `[${token
          .slice(1, -1)
          .replace(/^[!^]/, "^")
          .replace(/[[\]\\]/g, "\\$&")}]`;
      } else source += token.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    }
    matcher = new RegExp(`^${source}$`, "su");
    if (matchers.size > 1000) matchers.clear();
    matchers.set(part, matcher);
  }
  return matcher;
}
