import { demangleRustV0 } from "./demangle-rust-v0.js";

const maxMangledLength = 8192;

/** A Rust name, legacy or v0, as people write it, without its hash; undefined where `mangled` is none. */
export function demangleRust(mangled: string): string | undefined {
  if (mangled.length > maxMangledLength) return undefined;
  // A number that LLVM appends to clones is another one in each build.
  const name = mangled.includes(".llvm.") ? mangled.replace(/\.llvm\.[0-9A-Fa-f@]+(?=\.|$)/, "") : mangled;
  if (name.startsWith("_R") || name.startsWith("__R")) return demangleRustV0(name.slice(name.indexOf("R") + 1));
  return legacy(name);
}

const escapes: Readonly<Record<string, string>> = {
  SP: "@",
  BP: "*",
  RF: "&",
  LT: "<",
  GT: ">",
  LP: "(",
  RP: ")",
  C: ",",
};

/** `_ZN` parts with their lengths, the last of them a hash, `E`: C++'s nested names with an alphabet of their own. */
function legacy(name: string): string | undefined {
  const start = name.indexOf("ZN") + 2;
  // The hash has 17 letters: nearly all names of C++ are told by that.
  if (start < 2 || start > 4 || !name.includes("17h", start) || !/^_?_?ZN/.test(name)) return undefined;
  const parts: string[] = [];
  let at = start;
  while (name[at] !== "E") {
    const digits = /^\d{1,5}/.exec(name.slice(at, at + 5))?.[0];
    if (digits === undefined) return undefined;
    at += digits.length;
    const part = name.slice(at, at + Number(digits));
    if (part.length < Number(digits) || part === "") return undefined;
    at += part.length;
    parts.push(part);
  }
  const suffix = name.slice(at + 1);
  if (parts.length < 2 || !/^h[0-9a-f]{16}$/.test(parts[parts.length - 1]) || !/^(\.[\w.]+)?$/.test(suffix)) {
    return undefined;
  }
  return parts.slice(0, -1).map(unescaped).join("::") + suffix;
}

function unescaped(part: string): string {
  return part.replace(/^_(?=\$)/, "").replace(/\$(\w+)\$|\.\.|\./g, (whole, code: string | undefined) => {
    if (code === undefined) return whole === ".." ? "::" : ".";
    if (escapes[code] !== undefined) return escapes[code];
    const point = /^u[0-9a-f]{1,6}$/.test(code) ? Number.parseInt(code.slice(1), 16) : 0;
    return point >= 0x20 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)
      ? String.fromCodePoint(point)
      : whole;
  });
}
