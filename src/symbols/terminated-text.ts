/** Longest text; C++ has names of many kilobytes, which nobody reads. */
export const maxTextBytes = 8192;

/** The text that begins at `at` and ends with a zero byte, cut at 8 KiB; "" where there is none. */
export function terminatedText(bytes: Buffer, at: number): string {
  const stop = Math.min(bytes.length, at + maxTextBytes);
  let end = at;
  let all = 0;
  for (let byte = 0; end < stop; end++) {
    byte = bytes[end];
    if (byte === 0) break;
    all |= byte;
  }
  if (end <= at) return "";
  // What is ASCII needs no decoder.
  return all < 0x80 ? bytes.latin1Slice(at, end) : bytes.utf8Slice(at, end);
}
