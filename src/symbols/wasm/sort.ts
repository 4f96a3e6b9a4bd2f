/** The numbers are sorted by one byte after the other, so often that they end where they began. */
const firstShift: u64 = 32;
const endShift: u64 = 64;
const byteBits: u64 = 8;
const counters: usize = 256;
export const countersBytes: usize = 4 * counters;

/** Sorts numbers of 64 bits by their high half. `spare` is room for as many again, `counts` for counters. */
export function sortByHigh(numbers: usize, count: u32, spare: usize, counts: usize): void {
  let from = numbers;
  let to = spare;
  for (let shift = firstShift; shift < endShift; shift += byteBits) {
    const end = from + 8 * usize(count);
    memory.fill(counts, 0, countersBytes);
    for (let at = from; at < end; at += 8) {
      const counter = counterOf(counts, at, shift);
      store<u32>(counter, load<u32>(counter) + 1);
    }
    let before: u32 = 0;
    for (let counter = counts; counter < counts + countersBytes; counter += 4) {
      const found = load<u32>(counter);
      store<u32>(counter, before);
      before += found;
    }
    for (let at = from; at < end; at += 8) {
      const counter = counterOf(counts, at, shift);
      const place = load<u32>(counter);
      store<u64>(to + 8 * usize(place), load<u64>(at));
      store<u32>(counter, place + 1);
    }
    const emptied = from;
    from = to;
    to = emptied;
  }
}

function counterOf(counts: usize, at: usize, shift: u64): usize {
  return counts + 4 * usize((load<u64>(at) >>> shift) & 0xff);
}
