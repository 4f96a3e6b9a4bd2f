import { openArena, RECORD_HEAD, reach, top } from "./arena";
import { slot } from "./indices";
import { addZeroEntries, clearEntries, growRows, rowBytes } from "./intern";
import { COUNTS, INPUT } from "./layout";
import { openScratch, setGrowth } from "./map-entries";
import { mapProfile } from "./map-profile";
import { STACK } from "./numbers";
import { SPARE, varintSize } from "./out";
import { FRESH, locateEntries } from "./source";
import { writeDictionary } from "./write-dictionary";

/**
 * Building a request with one dictionary out of several: beginBuild, then for each dictionary addDictionary and its
 * profiles' addProfile, then finishBuild. The memory is, from low to high: the lists of the dictionary that is read
 * (./source.ts), its content, a profile, the place where profiles and entries are written, and the records that are kept
 * (./arena.ts). Everything but the last has room for the largest that will come.
 *
 * A message that is written takes at most `growth` bytes for each one that it took: only indices get longer, and with them
 * lengths.
 */
let growth: u32 = 0;
/** Where the dictionary that is read begins, where the profile, and where what is written. */
let dictionaryAt: usize = 0;
let profileAt: usize = 0;
let outAt: usize = 0;
let behindProfile: usize = 0;

/** Bytes of a profile's tag and length, and of its record. */
const profileHead: u32 = 16;

/**
 * Begins a build from dictionaries of `allEntries` together; the largest has `dictionaryBytes` and `entries`, the largest
 * profile `profileBytes`. False where the memory can't be had.
 */
export function beginBuild(dictionaryBytes: u32, entries: u32, profileBytes: u32, allEntries: u32): bool {
  growth = u32(varintSize(allEntries + 1));
  if (growth < 2) growth = 2;
  setGrowth(growth);
  const lists = (u64(entries) + u64(STACK)) << 2;
  const input = u64(INPUT) + lists;
  const out = input + u64(dictionaryBytes) + u64(profileBytes) + 2 * SPARE;
  const behind = out + u64(growth) * u64(profileBytes) + SPARE;
  const records = behind + u64(growth) * u64(dictionaryBytes) + 8 * SPARE;
  if (records >= u64(FRESH) || !reach(records + 4096)) return false;
  dictionaryAt = usize(input);
  profileAt = dictionaryAt + usize(dictionaryBytes) + SPARE;
  outAt = usize(out);
  behindProfile = usize(behind);
  openArena(usize(records));
  clearEntries();
  growRows(STACK);
  addZeroEntries();
  return true;
}

/** Where a dictionary is to be put before addDictionary. */
export function dictionaryStart(): usize {
  return dictionaryAt;
}

/** Where a profile is to be put before addProfile. */
export function profileStart(): usize {
  return profileAt;
}

/**
 * The profiles that follow, `profiles` of them with `profileBytes`, refer to the dictionary of `bytes` whose entries are
 * counted at COUNTS. False where the memory can't be had.
 */
export function addDictionary(bytes: u32, profiles: u32, profileBytes: u32): bool {
  let entries: u32 = 0;
  for (let table: u32 = 1; table <= u32(STACK); table++) entries += load<u32>(slot(COUNTS, table));
  const records =
    u64(growth) * (u64(bytes) + u64(profileBytes)) + u64(RECORD_HEAD) * u64(entries) + u64(profileHead) * u64(profiles);
  if (!reach(u64(top) + rowBytes(entries) + records + SPARE)) return false;
  growRows(entries);
  openScratch(behindProfile);
  locateEntries(INPUT, dictionaryAt, dictionaryAt + usize(bytes));
  return true;
}

/** Writes the profile of `bytes`; of its samples only [from, to) go in, if it is a part. See mapProfile. */
export function addProfile(bytes: u32, from: u32, to: u32, part: bool): void {
  mapProfile(outAt, profileAt, profileAt + usize(bytes), from, to, part);
}

/** Writes the dictionary. False where the memory can't be had. */
export function finishBuild(): bool {
  return writeDictionary(growth);
}
