import type { MatchIndices } from "./match-engine.js";

const word = /[\p{L}\p{Nd}_]+/uy;

/**
 * Expands $1, ${1}, $name, ${name} and $$ as Go's Regexp.Expand: a name is the longest run of letters, digits and
 * underscores; a group that doesn't exist or took no part is empty; a dollar that begins no reference stays.
 */
export function expandTemplate(
  template: string,
  groupNames: readonly string[],
  text: string,
  indices: MatchIndices,
): string {
  let at = template.indexOf("$");
  if (at < 0) return template;
  let out = template.slice(0, at);
  while (at < template.length) {
    if (template[at + 1] === "$") {
      out += "$";
      at += 2;
    } else {
      const reference = readReference(template, at);
      if (reference === undefined) {
        out += "$";
        at++;
      } else {
        out += groupText(reference.name, groupNames, text, indices);
        at = reference.end;
      }
    }
    const next = template.indexOf("$", at);
    out += template.slice(at, next < 0 ? undefined : next);
    at = next < 0 ? template.length : next;
  }
  return out;
}

function readReference(template: string, at: number): { name: string; end: number } | undefined {
  const braced = template[at + 1] === "{";
  word.lastIndex = at + (braced ? 2 : 1);
  const name = word.exec(template)?.[0];
  if (name === undefined) return undefined;
  const end = at + (braced ? 2 : 1) + name.length;
  if (!braced) return { name, end };
  return template[end] === "}" ? { name, end: end + 1 } : undefined;
}

function groupText(name: string, groupNames: readonly string[], text: string, indices: MatchIndices): string {
  const number = groupNumber(name);
  if (number !== undefined) {
    return 2 * number + 1 < indices.length && indices[2 * number] >= 0
      ? text.slice(indices[2 * number], indices[2 * number + 1])
      : "";
  }
  for (let i = 1; i < groupNames.length; i++) {
    if (groupNames[i] === name && indices[2 * i] >= 0) return text.slice(indices[2 * i], indices[2 * i + 1]);
  }
  return "";
}

/** Digits are a number unless they have a leading zero or pass 10^8: then they are a name, which no group has. */
function groupNumber(name: string): number | undefined {
  if (!/^[0-9]+$/.test(name)) return undefined;
  if ((name.length > 1 && name[0] === "0") || name.length > 9) return undefined;
  return Number(name);
}
