import { CppNameError } from "./cpp-cursor.js";
import { CppTypes } from "./cpp-types.js";

const maxMangledLength = 8192;

/** A C++ name (Itanium ABI) as people write it, with its parameters; undefined where `mangled` is none. */
export function demangleCpp(mangled: string): string | undefined {
  const start = mangled.startsWith("__Z") ? 3 : 2;
  if (!mangled.startsWith("_Z", start - 2) || mangled.length > maxMangledLength) return undefined;
  const parser = new CppTypes(mangled, start);
  try {
    const name = parser.encoding();
    if (parser.pos === mangled.length) return name;
    // What compilers append to clones: .isra.0, .constprop.1, .cold.
    const suffix = mangled.slice(parser.pos);
    return /^(\.[a-zA-Z_]+(\.\d+)*|\.\d+)+$/.test(suffix) ? cloneName(name, suffix) : undefined;
  } catch (caught) {
    if (caught instanceof CppNameError) return undefined;
    throw caught;
  }
}

function cloneName(name: string, suffix: string): string {
  const clones = suffix.match(/\.[a-zA-Z_]+(\.\d+)*|\.\d+/g) ?? [];
  return name + clones.map((clone) => ` [clone ${clone}]`).join("");
}
