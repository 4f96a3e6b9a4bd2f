const highBits: u64 = (u64(0x80808080) << 32) | 0x80808080;

/** True if [p, end) is valid UTF-8. */
export function isText(p: usize, end: usize): bool {
  while (end - p >= 8) {
    if ((load<u64>(p) & highBits) !== 0) return isUtf8(p, end);
    p += 8;
  }
  while (p < end) if (load<u8>(p++) > 0x7f) return isUtf8(p - 1, end);
  return true;
}

/** No overlong forms, no surrogates, nothing past U+10FFFF. */
function isUtf8(p: usize, end: usize): bool {
  while (p < end) {
    const lead = u32(load<u8>(p++));
    if (lead < 0x80) continue;
    let more = 1;
    let least: u32 = 0x80;
    let most: u32 = 0xbf;
    if (lead < 0xc2 || lead > 0xf4) return false;
    if (lead >= 0xf0) {
      more = 3;
      if (lead === 0xf0) least = 0x90;
      else if (lead === 0xf4) most = 0x8f;
    } else if (lead >= 0xe0) {
      more = 2;
      if (lead === 0xe0) least = 0xa0;
      else if (lead === 0xed) most = 0x9f;
    }
    if (end - p < usize(more)) return false;
    const second = u32(load<u8>(p++));
    if (second < least || second > most) return false;
    for (let i = 1; i < more; i++) if ((load<u8>(p++) & 0xc0) !== 0x80) return false;
  }
  return true;
}
