import type { RE2JS } from "re2js";

/** What a text has to contain so that anything in it can match. */
export type Literals = string | { readonly all: readonly Literals[] } | { readonly any: readonly Literals[] };

/** The engine's own filter in front of its matching, which it doesn't describe to TypeScript. */
interface Prefilter {
  readonly type: number;
  readonly str: string;
  readonly subs: readonly Prefilter[];
}

const exact = 1;
const and = 2;
const or = 3;

/** undefined where the pattern needs none, or the engine can't tell. */
export function literalsOf(re: RE2JS): Literals | undefined {
  const prefilter: Prefilter | null = re.re2().prefilter;
  return prefilter ? readFilter(prefilter) : undefined;
}

/** Of parts that all have to occur, one that can't be told is left out; of alternatives, it spoils all. */
function readFilter({ type, str, subs }: Prefilter): Literals | undefined {
  if (type === exact) return str === "" ? undefined : str;
  if (type !== and && type !== or) return undefined;
  const parts = subs.map(readFilter);
  const known = parts.filter((part) => part !== undefined);
  if (type === and) return known.length === 0 ? undefined : { all: known };
  return known.length === parts.length && known.length > 0 ? { any: known } : undefined;
}

export function occur(literals: Literals, holds: (literal: string) => boolean): boolean {
  if (typeof literals === "string") return holds(literals);
  if ("all" in literals) return literals.all.every((part) => occur(part, holds));
  return literals.any.some((part) => occur(part, holds));
}
