/** A component's or pipeline's id, split at the first "/". */
export interface ParsedId {
  /** As other parts of the configuration refer to it. */
  readonly id: string;
  readonly type: string;
  readonly name: string;
}

export type IdResult = ParsedId | { readonly error: string };

const typePattern = /^[a-zA-Z][0-9a-zA-Z_]{0,62}$/;
const namePattern = /^[^\p{Z}\p{C}\p{S}]+$/u;
const maxNameLength = 1024;

/** Reads "type" or "type/name"; blanks around either part are ignored. */
export function parseId(text: string): IdResult {
  const split = splitId(text);
  if ("error" in split || typePattern.test(split.type)) return split;
  return {
    error: `in "${text}" id: invalid character(s) in type "${split.type}" (a type starts with a letter, then letters, digits and _)`,
  };
}

const signals = ["traces", "metrics", "logs", "profiles"];

/** Reads "signal" or "signal/name". Signals that flamepipe does not carry parse too; the caller says what it thinks. */
export function parsePipelineId(text: string): IdResult {
  const split = splitId(text);
  if ("error" in split || signals.includes(split.type)) return split;
  return { error: `in "${text}" id: unknown pipeline signal: "${split.type}"` };
}

function splitId(text: string): IdResult {
  const slash = text.indexOf("/");
  if (slash < 0) {
    const type = text.trim();
    return type === "" ? { error: "id must not be empty" } : { id: type, type, name: "" };
  }
  const type = text.slice(0, slash).trim();
  const name = text.slice(slash + 1).trim();
  if (type === "") return { error: `in "${text}" id: the part before / should not be empty` };
  if (name === "") return { error: `in "${text}" id: the part after / should not be empty` };
  if (name.length > maxNameLength || !namePattern.test(name)) {
    return {
      error: `in "${text}" id: invalid character(s) in name "${name}" (no blanks, symbols or control characters)`,
    };
  }
  return { id: `${type}/${name}`, type, name };
}
