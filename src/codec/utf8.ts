const replacement = Buffer.from("\ufffd");

/** Bytes as text, with U+FFFD for each byte that isn't part of a character, as Go's readers do. */
export function replaceBadUtf8(bytes: Buffer): string {
  const good = Buffer.allocUnsafe(bytes.length + (replacement.length - 1) * badBytesOf(bytes));
  let end = 0;
  for (let i = 0; i < bytes.length; ) {
    const length = characterLength(bytes, i);
    if (length === 0) end += replacement.copy(good, end);
    for (let k = 0; k < length; k++) good[end++] = bytes[i + k];
    i += length || 1;
  }
  return good.utf8Slice(0, end);
}

function badBytesOf(bytes: Buffer): number {
  let bad = 0;
  for (let i = 0; i < bytes.length; ) {
    const length = characterLength(bytes, i);
    if (length === 0) bad++;
    i += length || 1;
  }
  return bad;
}

/** Bytes of the well-formed character at i, or 0. */
function characterLength(bytes: Buffer, i: number): number {
  const first = bytes[i];
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || i + length > bytes.length) return 0;
  for (let k = 1; k < length; k++) if ((bytes[i + k] & 0xc0) !== 0x80) return 0;
  const second = bytes[i + 1];
  if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f)) return 0;
  if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)) return 0;
  return length;
}
