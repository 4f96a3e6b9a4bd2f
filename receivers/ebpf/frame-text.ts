/** A stack frame as an agent's text has it. */
export interface FrameText {
  /** undefined where the text has only a name. */
  readonly address: bigint | undefined;
  /** "" where the agent doesn't know. */
  readonly symbol: string;
  /** "" where the text doesn't say. */
  readonly module: string;
  /** Functions inlined into this one, innermost first. */
  readonly inlined?: readonly string[];
}

const unknown = "[unknown]";

/**
 * A frame of bpftrace's kstack and ustack. In mode perf a tab and the address come first
 * (`\t43990e runtime.memmove+34 (/srv/orders)`, `\t43990e 0x43990e ([unknown])`), in mode bpftrace it is either
 * (`    main.work+55`, `    0x43990e`), in mode raw the bare digits (`43990e`).
 */
export function parseBpftraceFrame(line: string): FrameText {
  const text = line.trim();
  const space = text.indexOf(" ");
  if (space < 0 && isHex(text, 0)) return { address: BigInt(`0x${text}`), symbol: "", module: "" };
  if (line.startsWith("\t")) {
    const first = space < 0 ? squeezedAddress(text) : text.slice(0, space);
    if (isHex(first, 0))
      return { address: BigInt(`0x${first}`), ...nameAndModule(text.slice(first.length).trimStart()) };
  }
  const word = space < 0 ? text : text.slice(0, space);
  if (word.startsWith("0x") && isHex(word, 2)) return { address: BigInt(word), symbol: "", module: "" };
  return { address: undefined, ...nameAndModule(text) };
}

/** Lengths of addresses: of the kernel, and where Linux puts position-independent programs, libraries and stacks. */
const kernelDigits = /^ffff[0-9a-f]{12}/;
const userDigits = /^(?:5[56]|7f)[0-9a-f]{10}/;

/**
 * The address in front of a name where no blank is left between them. Where digits of a name could be the address', its
 * usual length decides; an address without a name stands there twice.
 */
function squeezedAddress(text: string): string {
  const twice = /^([0-9a-f]{1,16}?)0x\1(?![0-9a-f])/.exec(text)?.[1];
  return twice ?? (kernelDigits.exec(text) ?? userDigits.exec(text) ?? /^[0-9a-f]{0,16}/.exec(text))?.[0] ?? "";
}

const named = /^(.*?)\+(?:0x[0-9a-f]+|\d+)(?: ?\((.*)\))?$/;
const unnamed = /^(\S+(?= )|0x[0-9a-f]+(?=\()) ?\((.*)\)$/;

/** `runtime.memmove+34 (/srv/orders)`, `0x4011 ([unknown])`; the offset is decimal. */
function nameAndModule(text: string): { symbol: string; module: string } {
  const [, name, file = ""] = named.exec(text) ?? unnamed.exec(text) ?? [text, text];
  const known = (part: string) => (part === unknown ? "" : part);
  return { symbol: name.startsWith("0x") && isHex(name, 2) ? "" : known(name), module: known(file) };
}

function isHex(text: string, from: number): boolean {
  if (text.length === from || text.length > from + 16) return false;
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!((code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66))) return false;
  }
  return true;
}
