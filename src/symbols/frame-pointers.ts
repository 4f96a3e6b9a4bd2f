import { type Elf, fileRangeAt } from "./elf.js";

/** Whether functions keep a frame pointer, judged by how they begin. */
export interface FramePointers {
  /** unknown: too few functions were found, or code of another kind of machine. */
  readonly verdict: "yes" | "partly" | "no" | "unknown";
  /** Functions that were looked at and move the stack pointer: the others have nothing to say. */
  readonly checked: number;
  readonly withFramePointer: number;
}

const maxChecked = 1000;
const fewestChecked = 30;
const prologueBytes = 48;
const X86_64 = 62;
const ARM64 = 183;

type Prologue = "frame pointer" | "stack only" | "neither";

/**
 * Looks at the first instructions of up to 1,000 functions, spread over all of `starts` (addresses). Of those that use
 * the stack, 90 % with a frame pointer are "yes", 10 % "no": compilers leave it out of some functions even when told to
 * keep it, and assembler does as it likes.
 */
export function framePointersOf(
  elf: Elf,
  starts: { readonly count: number; startAt(index: number): number },
): FramePointers {
  const classify = elf.machine === X86_64 ? x86Prologue : elf.machine === ARM64 ? arm64Prologue : undefined;
  let checked = 0;
  let withFramePointer = 0;
  const step = Math.max(1, starts.count / maxChecked);
  for (let at = 0; classify && at < starts.count; at += step) {
    const index = Math.floor(at);
    const start = starts.startAt(index);
    const range = fileRangeAt(elf, start);
    if (!range) continue;
    const next = index + 1 < starts.count ? starts.startAt(index + 1) - start : prologueBytes;
    const length = Math.min(prologueBytes, next, range[1] - range[0]);
    if (length <= 0) continue;
    const prologue = classify(elf.source.read(range[0], length));
    if (prologue === "neither") continue;
    checked++;
    if (prologue === "frame pointer") withFramePointer++;
  }
  const share = withFramePointer / checked;
  const verdict = checked < fewestChecked ? "unknown" : share >= 0.9 ? "yes" : share <= 0.1 ? "no" : "partly";
  return { verdict, checked, withFramePointer };
}

/** push %rbp; mov %rsp,%rbp, whatever the compiler put between, or as Go wrote it until 1.20: mov %rbp,n(%rsp); lea n(%rsp),%rbp. */
function x86Prologue(code: Buffer): Prologue {
  const text = code.toString("latin1");
  if (/U.*H(?:\x89\xe5|\x8b\xec)/s.test(text)) return "frame pointer";
  if (/H\x89\x6c\x24.H\x8d\x6c\x24|H\x89\xac\x24.{4}H\x8d\xac\x24/s.test(text)) return "frame pointer";
  // endbr64 may come first.
  const at = text.startsWith("\xf3\x0f\x1e\xfa") ? 4 : 0;
  const isPush = (code[at] & 0xf8) === 0x50 || (code[at] === 0x41 && (code[at + 1] & 0xf8) === 0x50);
  return isPush || /H[\x83\x81]\xec/.test(text.slice(0, 32)) ? "stack only" : "neither";
}

/** stp x29,x30,[sp..]; mov x29,sp (or add), or as Go has it: stur x29,[sp,#-8]; sub x29,sp,#8. */
function arm64Prologue(code: Buffer): Prologue {
  let usesStack = false;
  for (let at = 0; at + 4 <= code.length; at += 4) {
    const word = code.readUInt32LE(at);
    if ((word & 0xffc003ff) >>> 0 === 0x910003fd || word === 0xd10023fd) return usesStack ? "frame pointer" : "neither";
    const isPairStore = (word & 0xfe4003e0) >>> 0 === 0xa80003e0;
    const isLinkStore = (word & 0xffe00fff) >>> 0 === 0xf8000ffe;
    if (isPairStore || isLinkStore || (word & 0xff8003ff) >>> 0 === 0xd10003ff) usesStack = true;
    // ret
    if (word === 0xd65f03c0) break;
  }
  return usesStack ? "stack only" : "neither";
}
