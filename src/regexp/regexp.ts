import { RE2JS, RE2JSException, RE2JSSyntaxException } from "re2js";
import { type Literals, literalsOf, occur } from "./literals.js";
import type { MatchEngine, MatchIndices } from "./match-engine.js";
import { rewritePattern } from "./rewrite.js";
import { compileSimple } from "./simple.js";
import { expandTemplate } from "./template.js";

/** The pattern is none; the message is Go's ("error parsing regexp: missing closing ): `(`"). */
export class RegExpSyntaxError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RegExpSyntaxError";
  }
}

/**
 * A compiled regular expression with the syntax and meaning of Go's regexp package (RE2): matching takes time linear in
 * the text, whatever the pattern. Immutable; may be shared.
 */
export interface CompiledRegExp {
  /** As it was written. */
  readonly source: string;
  /** Capturing groups, the whole match not counted. */
  readonly groupCount: number;
  /** Name of group i, "" if it has none; names may occur twice. [0] is the whole match. */
  readonly groupNames: readonly string[];
  /** True if any part of the text matches. */
  test(text: string): boolean;
  /**
   * False if nothing in a body of texts matches, by asking which literals occur in it: `holds` may say yes of one that
   * doesn't, but not no of one that does.
   */
  mayMatch(holds: (literal: string) => boolean): boolean;
  /** The leftmost match that begins at `from` or later. */
  match(text: string, from?: number): MatchIndices | undefined;
  /** `template` with $1, ${1}, $name, ${name} and $$ expanded from a match of `text`. */
  expand(template: string, text: string, indices: MatchIndices): string;
  /** Replaces every match by the expanded template, as Go's ReplaceAllString. */
  replaceAll(text: string, template: string): string;
}

const maxCached = 1000;
const cache = new Map<string, CompiledRegExp>();

/** Compiles, or returns what the same pattern was compiled to lately (a bounded cache). Throws RegExpSyntaxError. */
export function compileRegExp(source: string): CompiledRegExp {
  const known = cache.get(source);
  if (known !== undefined) {
    // Taken out and put back, the map's order is that of last use.
    cache.delete(source);
    cache.set(source, known);
    return known;
  }
  const compiled = createRegExp(source);
  if (cache.size >= maxCached) cache.delete(cache.keys().next().value as string);
  cache.set(source, compiled);
  return compiled;
}

/** How many compiled expressions are kept. */
export function cachedRegExpCount(): number {
  return cache.size;
}

function createRegExp(source: string): CompiledRegExp {
  const { pattern, diagnosis, groupNames, fault } = rewritePattern(source);
  if (fault !== undefined) throw new RegExpSyntaxError(firstFault(source, diagnosis, fault));
  let re: RE2JS;
  try {
    re = RE2JS.compile(pattern);
  } catch (caught) {
    throw new RegExpSyntaxError(firstFault(source, diagnosis, faultText(caught, source)));
  }
  return createCompiled(source, groupNames, compileSimple(source) ?? createEngine(re), literalsOf(re));
}

function createEngine(re: RE2JS): MatchEngine {
  const groupCount = re.groupCount();
  return {
    test: (text) => re.test(text),
    match(text, from) {
      const matcher = re.matcher(text);
      if (!matcher.find(from)) return undefined;
      const indices = new Int32Array(2 * groupCount + 2);
      for (let i = 0; i <= groupCount; i++) {
        indices[2 * i] = matcher.start(i);
        indices[2 * i + 1] = matcher.end(i);
      }
      return indices;
    },
  };
}

/** Of several faults Go reports the first: `ours`, unless the engine stumbles over one before it. */
function firstFault(source: string, diagnosis: string, ours: string): string {
  try {
    RE2JS.compile(diagnosis);
  } catch (caught) {
    const theirs = faultText(caught, source);
    // What is missing is missed at the end; a bracket's rest is quoted better by us.
    const last = /: missing closing [)\]]|: invalid character class range: `\\p\{\?/.test(theirs);
    if (!last) return theirs;
  }
  return ours;
}

function faultText(caught: unknown, source: string): string {
  if (!(caught instanceof RE2JSSyntaxException)) {
    if (caught instanceof RE2JSException) return `error parsing regexp: ${caught.message}: \`${source}\``;
    throw caught;
  }
  const reason = caught.getDescription();
  if (reason.startsWith("trailing backslash")) return `error parsing regexp: ${reason}: \`\``;
  // These name the whole pattern, which the engine knows as it was rewritten.
  const whole = reason === "missing closing )" || reason === "unexpected )" || reason === "expression too large";
  return whole ? `error parsing regexp: ${reason}: \`${source}\`` : caught.message;
}

function createCompiled(
  source: string,
  groupNames: readonly string[],
  engine: MatchEngine,
  literals: Literals | undefined,
): CompiledRegExp {
  return {
    source,
    groupCount: groupNames.length - 1,
    groupNames,
    test: engine.test,
    mayMatch: (holds) => literals === undefined || occur(literals, holds),
    match: (text, from = 0) => engine.match(text, from),
    expand: (template, text, indices) => expandTemplate(template, groupNames, text, indices),
    replaceAll(text, template) {
      let out = "";
      let lastEnd = 0;
      let from = 0;
      while (from <= text.length) {
        const indices = engine.match(text, from);
        if (indices === undefined) break;
        const [start, end] = [indices[0], indices[1]];
        out += text.slice(lastEnd, start);
        // An empty match right behind another one is not replaced.
        if (end > lastEnd || start === 0) out += expandTemplate(template, groupNames, text, indices);
        lastEnd = end;
        from = Math.max(end, from + ((text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1));
      }
      return out + text.slice(lastEnd);
    },
  };
}
