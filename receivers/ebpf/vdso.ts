import { closeSync, openSync, readSync } from "node:fs";
import { readCodeRegions } from "../../src/proc/process-maps.js";
import { bufferSource } from "../../src/symbols/byte-source.js";
import { parseElf } from "../../src/symbols/elf.js";
import { readSymbolTable } from "../../src/symbols/symbol-table.js";

/** Name of the function at an offset in the code that the kernel puts into every process; undefined where it has none. */
export type VdsoNames = (offset: number) => string | undefined;

const maxBytes = 64 * 1024;
const maxRegions = 100_000;
const noNames: VdsoNames = () => undefined;

/**
 * It is the same code in all processes of one kernel, so that our own tells the names: `clock_gettime` is hot in many
 * programs. `own`: /proc/self.
 */
export function readVdsoNames(own = "/proc/self"): VdsoNames {
  const region = readCodeRegions(own, maxRegions)?.find(({ path }) => path === "[vdso]");
  if (!region) return noNames;
  const size = Number(region.end - region.start);
  let fd: number | undefined;
  try {
    if (size > maxBytes) return noNames;
    fd = openSync(`${own}/mem`, "r");
    const bytes = Buffer.alloc(size);
    if (readSync(fd, bytes, 0, size, region.start) < size) return noNames;
    const table = readSymbolTable(parseElf(bufferSource(bytes)), maxBytes);
    return (offset) => table?.nameAt(offset);
  } catch {
    // Names are a comfort; without them the frames are addresses.
    return noNames;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
