import { type Elf, sectionData, sectionNamed } from "./elf.js";

const maxBytes = 64 * 1024 * 1024;
/** The encodings that every linker uses: pointers relative to their place or to the section, counts as they are. */
const PCREL_SDATA4 = 0x1b;
const UDATA4 = 0x03;
const DATAREL_SDATA4 = 0x3b;

/** Where functions begin, by .eh_frame_hdr, which stripping leaves; empty where there is none of the usual kind. */
export function unwindStarts(elf: Elf): { readonly count: number; startAt(index: number): number } {
  const section = sectionNamed(elf, ".eh_frame_hdr");
  const data = section ? sectionData(elf, section, maxBytes) : Buffer.alloc(0);
  const isUsual =
    data.length >= 12 && data[0] === 1 && data[1] === PCREL_SDATA4 && data[2] === UDATA4 && data[3] === DATAREL_SDATA4;
  const count = isUsual ? Math.min(data.readUInt32LE(8), Math.floor((data.length - 12) / 8)) : 0;
  return { count, startAt: (index) => (section?.address ?? 0) + data.readInt32LE(12 + 8 * index) };
}
