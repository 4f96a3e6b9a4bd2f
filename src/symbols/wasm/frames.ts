import { functionOf } from "./functions";
import { GO_1_2, MAX_FRAMES } from "./layout";
import { CALLS, FILES, LINES, placeBefore, valueAt } from "./places";
import { calls, noOffset, nameAt as ownNameAt, startLine as ownStartLine, tree, unit } from "./record";
import { filesAt, namesAt, size, unitsAt, version, wordAt } from "./table";
import { nameAt, systemName, textAt } from "./texts";
import { nameOffset, openCall, parentPc, startLine } from "./trees";

/** Inlined calls that are followed: a tree that loops ends here. */
const maxInlined: u32 = MAX_FRAMES - 1;
const frameBytes: usize = 8;

/** The frames of an answer: two numbers each, the function and the line. */
let framesAt: usize = 0;
export let frameCount: u32 = 0;

export function openFrames(at: usize): void {
  framesAt = at;
  frameCount = 0;
}

/** Adds the frames at `pc` of the function whose record is open, with a place before that; the innermost comes first. */
export function addFrames(i: u32, pc: u64, before: usize): void {
  let at = pc;
  let place = before;
  let file = fileAt(place, at);
  let line = valueAt(LINES, place, at);
  for (let depth: u32 = 0; calls !== 0 && depth < maxInlined; depth++) {
    const number = valueAt(CALLS, place, at);
    if (number < 0 || !openCall(tree, number)) break;
    if (!addFrame(namesAt + nameOffset, file, line, startLine)) break;
    if (parentPc < 0 || u64(parentPc) === at) break;
    at = u64(parentPc);
    place = placeBefore(i, at);
    file = fileAt(place, at);
    line = valueAt(LINES, place, at);
  }
  addFrame(ownNameAt, file, line, ownStartLine);
}

/** False where the function has no name. */
function addFrame(at: u64, file: u32, line: i32, start: i32): bool {
  const name = nameAt(at);
  if (name === 0) return false;
  const out = framesAt + usize(frameCount++) * frameBytes;
  store<u32>(out, functionOf(name, systemName, file, start));
  store<i32>(out + 4, max(line, 0));
  return true;
}

function fileAt(place: usize, pc: u64): u32 {
  const number = valueAt(FILES, place, pc);
  if (version === GO_1_2) {
    const at = filesAt + 4 * u64(number);
    return number > 0 && at + 4 <= size ? textAt(u64(wordAt(at))) : 0;
  }
  const at = unitsAt + 4 * (u64(unit) + u64(number));
  if (number < 0 || unit === noOffset || at + 4 > size) return 0;
  const offset = wordAt(at);
  return offset === noOffset ? 0 : textAt(filesAt + offset);
}
