import type { MatchEngine } from "./match-engine.js";

const anchored = /^\^\(\?s:(.*)\)\$$/s;
const literal = /^(?:[A-Za-z0-9_ :/@%,;=~"'<>!#&-]|\\[./_:-])*$/;

/**
 * The few forms that most relabel rules have, matched without an engine: `(.*)`, `.*`, `(.+)`, `.+`, and literals with
 * or without alternatives, all anchored as Prometheus does. undefined = not one of them.
 */
export function compileSimple(pattern: string): MatchEngine | undefined {
  const body = anchored.exec(pattern)?.[1];
  switch (body) {
    case undefined:
      return undefined;
    case "(.*)":
      return wholeText(0, 2);
    case ".*":
      return wholeText(0, 1);
    case "(.+)":
      return wholeText(1, 2);
    case ".+":
      return wholeText(1, 1);
  }
  const alternatives = body.split("|");
  if (!alternatives.every((each) => literal.test(each))) return undefined;
  const texts = new Set(alternatives.map((each) => each.replaceAll("\\", "")));
  return {
    test: (text) => texts.has(text),
    match: (text, from) => (from === 0 && texts.has(text) ? [0, text.length] : undefined),
  };
}

/** Matches any text of at least `minLength`; `spans` counts the whole match and the group around it. */
function wholeText(minLength: 0 | 1, spans: 1 | 2): MatchEngine {
  return {
    test: (text) => text.length >= minLength,
    match(text, from) {
      if (from !== 0 || text.length < minLength) return undefined;
      return spans === 1 ? [0, text.length] : [0, text.length, 0, text.length];
    },
  };
}
