import type { Layout } from "../proto/shapes.js";
import { FIXED64, LEN, Reader, VARINT, WireError } from "../proto/wire.js";

/**
 * Which layout a request was written in. All versions share one package name, so only the wire types tell:
 * in a current Sample field 3 is a varint (link) and 4 a list (values), in an older one the reverse.
 */
interface Evidence {
  /** Fields that only the current (or only an older) Sample can have. */
  currentSample: boolean;
  olderSample: boolean;
  /** Field 3 as a varint that is not 0: a current link, or an attribute of an older list that was not packed. */
  bareThree: boolean;
  /** Field 4 as a varint: an older link, or a current value that was not packed. */
  bareFour: boolean;
  bareFourTwice: boolean;
  /** Lists were packed; scalars of lists were not. */
  packs: boolean;
  unpacks: boolean;
  /** Every sample makes sense in an older layout. */
  olderFits: boolean;
  profile18: boolean;
  /** Field 2 and timestamps that are equal in number in every sample, as older values are; how many. */
  pairs: number;
  unpaired: boolean;
}

/** The layouts to try, the likeliest first; the one that passes the scan is taken. */
export function likelyLayouts(buf: Buffer): readonly Layout[] {
  const evidence: Evidence = {
    currentSample: false,
    olderSample: false,
    bareThree: false,
    bareFour: false,
    bareFourTwice: false,
    packs: false,
    unpacks: false,
    olderFits: true,
    profile18: false,
    pairs: 0,
    unpaired: false,
  };
  try {
    eachMessage(new Reader(buf, 0, buf.length), 1, (resource) =>
      eachMessage(resource, 2, (scope) => eachMessage(scope, 2, (profile) => readProfile(profile, evidence))),
    );
  } catch (caught) {
    if (!(caught instanceof WireError)) throw caught;
    return ["1.10"];
  }
  const likely = judge(evidence);
  // Pairs of values and timestamps look like attribute indices; which are in range only by chance.
  const paired = evidence.pairs > 1 && !evidence.unpaired && !evidence.currentSample;
  return paired && likely[0] === "1.10" ? [...likely, ...older(evidence)] : likely;
}

function older(evidence: Evidence): readonly Layout[] {
  return evidence.profile18 ? ["1.8", "1.9"] : ["1.9", "1.8"];
}

function judge(evidence: Evidence): readonly Layout[] {
  if (evidence.currentSample) return ["1.10"];
  if (evidence.olderSample) return older(evidence);
  if (evidence.bareThree) return ["1.10"];
  const link = evidence.bareFour && !evidence.bareFourTwice && evidence.packs && !evidence.unpacks;
  if (link && evidence.olderFits) return [...older(evidence), "1.10"];
  if (evidence.profile18) return ["1.8", "1.10"];
  return ["1.10"];
}

function eachMessage(reader: Reader, field: number, visit: (message: Reader) => void): void {
  while (reader.next()) {
    if (reader.field === field && reader.wireType === LEN) visit(reader.message());
    else reader.skip();
  }
}

function readProfile(reader: Reader, evidence: Evidence): void {
  let format = false;
  let formatInTen = false;
  while (reader.next()) {
    const { field, wireType } = reader;
    if (field === 2 && wireType === LEN) {
      readSample(reader.message(), evidence);
      continue;
    }
    if ((field === 8 && wireType === LEN) || (field === 9 && wireType === VARINT) || field === 12)
      evidence.profile18 = true;
    if (field === 9 && wireType === LEN) format = true;
    if (field === 10 && wireType === LEN) formatInTen = looksLikeFormat(reader.bytes());
    else reader.skip();
  }
  if (formatInTen && !format) evidence.profile18 = true;
}

/** Protocol 1.8 had the payload's format ("pprof", "jfr") where later ones have the payload. */
function looksLikeFormat(content: Buffer): boolean {
  if (content.length === 0 || content.length > 32) return false;
  return content.every(
    (byte) => byte === 0x2d || byte === 0x2e || (byte >= 0x30 && byte <= 0x39) || (byte | 0x20) >= 0x61,
  );
}

function readSample(reader: Reader, evidence: Evidence): void {
  let fours = 0;
  let two = false;
  let values = false;
  let twos = 0;
  let fives = 0;
  while (reader.next()) {
    const { field, wireType } = reader;
    if (field === 3 && wireType === LEN) evidence.olderSample = true;
    else if (field === 4 && wireType === LEN) evidence.currentSample = true;
    else if (field === 4 && wireType === VARINT) fours++;
    else if (field === 2) {
      two = true;
      twos += elements(reader);
      if (wireType === LEN) evidence.packs = true;
      else evidence.unpacks = true;
      continue;
    } else if (field === 5) {
      values = true;
      fives += elements(reader);
      if (wireType === LEN) evidence.packs = true;
      else if (wireType === FIXED64) evidence.unpacks = true;
      continue;
    } else if (field === 3 && wireType === VARINT) {
      if (reader.uint32() !== 0) evidence.bareThree = true;
      continue;
    }
    reader.skip();
  }
  if (fours > 0) evidence.bareFour = true;
  if (fours > 1) evidence.bareFourTwice = true;
  evidence.pairs += twos;
  if (twos !== fives) evidence.unpaired = true;
  // Nothing counts the events in the current reading: field 2 must be an older sample's values.
  if (!values && fours === 0 && two) evidence.olderSample = true;
  if (!two && !values) evidence.olderFits = false;
}

/** Skips the reader's field; how many varints (of field 2) or fixed64s (of field 5) are in it. */
function elements(reader: Reader): number {
  if (reader.wireType !== LEN) {
    reader.skip();
    return 1;
  }
  const content = reader.bytes();
  if (reader.field === 5) return content.length / 8;
  let count = 0;
  for (let i = 0; i < content.length; i++) if (content[i] < 0x80) count++;
  return count;
}
