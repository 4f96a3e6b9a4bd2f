import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Profiles } from "../../src/pdata/profiles.js";

const dir = join("test", "fixtures", "otlp-ebpf");

/** The recorded eBPF requests, in order. */
export const recordedFiles: readonly string[] = readdirSync(dir)
  .filter((file) => file.endsWith(".pb"))
  .sort()
  .map((file) => join(dir, file));

/** One of them, parsed anew. */
export function recorded(index = 0): Profiles {
  return Profiles.parse(readFileSync(recordedFiles[index]));
}

/** All of them, parsed anew. */
export function allRecorded(): Profiles[] {
  return recordedFiles.map((file) => Profiles.parse(readFileSync(file)));
}
