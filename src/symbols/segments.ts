/** A PT_LOAD program header. */
export interface Segment {
  /** PF_X = 1, PF_W = 2, PF_R = 4. */
  readonly flags: number;
  readonly offset: number;
  readonly address: bigint;
  readonly fileSize: number;
  readonly memorySize: number;
}

/** Where a frame's mapping says that the file lies; all zero where it says nothing. */
export interface MappedRange {
  readonly start: bigint;
  readonly limit: bigint;
  readonly fileOffset: bigint;
}

function isInside(segments: readonly Segment[], address: bigint): boolean {
  return segments.some((each) => address >= each.address && address < each.address + BigInt(each.memorySize));
}

/**
 * The ELF virtual address of a frame. Profilers that know the file send that address already, with a mapping in the same
 * terms; others send the address at run time, which the mapping's start and file offset lead back to the file. Whether a
 * mapping is in the file's terms shows: its start is then an address of the segment that its file offset is in.
 */
export function virtualAddress(segments: readonly Segment[], address: bigint, mapping: MappedRange): bigint {
  const { start, limit, fileOffset } = mapping;
  if (limit <= start || address < start || address >= limit) return address;
  const offset = address - start + fileOffset;
  const holding = segments.find((each) => {
    const from = BigInt(each.offset) & ~0xfffn;
    return offset >= from && offset < BigInt(each.offset) + BigInt(Math.max(each.fileSize, each.memorySize));
  });
  if (!holding) return address;
  const computed = offset - BigInt(holding.offset) + holding.address;
  // A mapping of the file's own addresses that covers more than one segment begins in another than the frame's.
  return isInside(segments, address) && isInside(segments, start) ? address : computed;
}
