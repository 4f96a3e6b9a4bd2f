/** Functions of one name that are told apart: only a binary that was made to do harm has more of them in many places. */
const maxOfOneName: u32 = 32;
const functionBytes: usize = 16;

/** The functions of an answer, each of them once: numbers of its name, system name and file, then the line it starts at. */
let functionsAt: usize = 0;
/** By name, one more than the number of the function that had it last; by function the same of the one before it. */
let lastOfName: usize = 0;
let before: usize = 0;
export let functionCount: u32 = 0;

export function openFunctions(functionsFrom: usize, beforeFrom: usize, lastFrom: usize): void {
  functionsAt = functionsFrom;
  before = beforeFrom;
  lastOfName = lastFrom;
  functionCount = 0;
}

export function functionOf(name: u32, systemName: u32, file: u32, startLine: i32): u32 {
  const last = lastOfName + 4 * usize(name);
  // What stands there may be of another answer.
  let found = load<u32>(last);
  if (found > functionCount || (found !== 0 && load<u32>(functionsAt + usize(found - 1) * functionBytes) !== name))
    found = 0;
  const first = found;
  for (let tries: u32 = 0; found !== 0 && tries < maxOfOneName; tries++) {
    const at = functionsAt + usize(found - 1) * functionBytes;
    if (load<u32>(at + 8) === file && load<i32>(at + 12) === startLine) return found - 1;
    found = load<u32>(before + 4 * usize(found - 1));
  }
  const at = functionsAt + usize(functionCount) * functionBytes;
  store<u32>(at, name);
  store<u32>(at + 4, systemName);
  store<u32>(at + 8, file);
  store<i32>(at + 12, startLine);
  store<u32>(before + 4 * usize(functionCount), first);
  store<u32>(last, ++functionCount);
  return functionCount - 1;
}
