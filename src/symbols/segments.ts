/** A PT_LOAD program header. */
export interface Segment {
  /** PF_X = 1, PF_W = 2, PF_R = 4. */
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

/** Where a frame's mapping says that the file lies; all zero where it says nothing. */
export interface MappedRange {
  readonly start: number;
  readonly limit: number;
  readonly fileOffset: number;
}

const PF_X = 1;
const pageBytes = 4096;

/**
 * The ELF virtual address of a frame. Profilers that know the file send that address already, with a mapping in the same
 * terms; others send the address at run time, which the mapping's start and file offset lead back to the file. Which one
 * it is shows: in the file's terms both the address and the start of its mapping lie in a segment, whereas a file that
 * was moved when it was loaded lies far beyond all of its segments. For one that was not moved the two are the same.
 */
export function virtualAddress(segments: readonly Segment[], address: number, mapping: MappedRange): number {
  const { start, limit, fileOffset } = mapping;
  if (limit <= start || address < start || address >= limit) return address;
  if (isInside(segments, address) && isInside(segments, start)) return address;
  const offset = address - start + fileOffset;
  const segment = segmentAt(segments, offset);
  return segment ? offset - segment.offset + segment.address : address;
}

function isInside(segments: readonly Segment[], address: number): boolean {
  for (const each of segments) {
    // The page that a segment begins in is mapped as a whole.
    const from = each.address - (each.address % pageBytes);
    if (address >= from && address < each.address + each.memorySize) return true;
  }
  return false;
}

/** The segment that holds a byte of the file: pages at the seam of two are mapped twice, and code is what is looked for. */
function segmentAt(segments: readonly Segment[], offset: number): Segment | undefined {
  let found: Segment | undefined;
  for (const each of segments) {
    const size = (each.flags & PF_X) !== 0 ? Math.max(each.fileSize, each.memorySize) : each.fileSize;
    if (offset < each.offset || offset >= each.offset + size) continue;
    if ((each.flags & PF_X) !== 0) return each;
    found ??= each;
  }
  return found;
}
