import { expectEntries } from "../../pdata/wasm/intern";
import { readFunctions, readMappings } from "./entries";
import { openGrowth } from "./growth";
import { openLinks } from "./links";
import { openScratch, readLocations } from "./locations";
import { FUNCTION, LOCATION, SAMPLE, STRING } from "./numbers";
import { count } from "./parts";
import { readSamples } from "./samples";
import { openTexts } from "./texts";

/*
 * Puts what a pprof holds into the dictionary being built, in three steps, between which the other side adds to it: its
 * tables, its samples, and for each sample type the messages of a profile. False where the pprof is broken.
 */

export function decodeTables(): bool {
  // Most strings, functions, locations and stacks become entries.
  expectEntries(count(STRING) + count(FUNCTION) + count(LOCATION) + count(SAMPLE));
  openTexts();
  openScratch();
  return readMappings() && readFunctions() && readLocations();
}

/** `inputBytes`: of the whole pprof. */
export function decodeSamples(inputBytes: u32, sampleTypes: u32, profileIdIsSpan: bool): bool {
  openGrowth(u64(inputBytes));
  openLinks(profileIdIsSpan);
  return readSamples(sampleTypes);
}
