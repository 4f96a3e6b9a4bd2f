import { demangleCpp } from "./demangle-cpp.js";
import { demangleRust } from "./demangle-rust.js";

/**
 * How names of C++ and Rust are written: as they are in the file, in full, or without parameters (`simple`).
 */
export type DemangleMode = "none" | "simple" | "full";

/** `fclose@@GLIBC_2.2.5`: some files have names with the version of the interface, others the same names without. */
const version = /(?<=.)@@?[\w.]+$/;

/** The name as people read it; the same text where it is not mangled, or in a way that is not understood. */
export function demangle(inFile: string, mode: DemangleMode): string {
  if (mode === "none") return inFile;
  const name = inFile.includes("@") ? inFile.replace(version, "") : inFile;
  if (!/^_{1,3}[ZR]/.test(name)) return name;
  const rust = demangleRust(name);
  if (rust !== undefined) return rust;
  const cpp = demangleCpp(name);
  if (cpp === undefined) return name;
  return mode === "full" ? cpp : withoutParameters(cpp);
}

/** `void a::b<int>(char) const` -> `a::b<int>`: no parameters, no result, template arguments kept. */
function withoutParameters(text: string): string {
  const clone = /( \[clone .*\])$/.exec(text)?.[0] ?? "";
  const body = text.slice(0, text.length - clone.length).replace(/( const| volatile| &&?)+$/, "");
  if (!body.endsWith(")")) return text;
  const open = openingOf(body, body.length - 1);
  // Before a type that is in parentheses itself (a function that returns a pointer to one) nothing is cut.
  if (open <= 0 || body[open - 1] === " ") return text;
  if (body[open - 1] === ")" && !body.endsWith("operator()", open)) return text;
  return body.slice(resultEnd(body, open), open);
}

/** The parenthesis that the one at `close` belongs to. */
function openingOf(text: string, close: number): number {
  let depth = 0;
  for (let i = close; i >= 0; i--) {
    if (text[i] === ")") depth++;
    else if (text[i] === "(" && --depth === 0) return i;
  }
  return -1;
}

/** Where the name begins, behind a result type: behind the last space outside of all brackets. */
function resultEnd(text: string, end: number): number {
  const operator = /(^|::| )operator\b/.exec(text.slice(0, end));
  const stop = operator ? operator.index + operator[1].length : end;
  let depth = 0;
  let start = 0;
  for (let i = 0; i < stop; i++) {
    const char = text[i];
    if (char === "<" || char === "(" || char === "{" || char === "[") depth++;
    else if (char === ">" || char === ")" || char === "}" || char === "]") depth--;
    else if (char === " " && depth === 0) start = i + 1;
  }
  return start;
}
