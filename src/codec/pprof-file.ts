import type { Profiles } from "../pdata/profiles.js";
import { type Capture, groupCaptures } from "./capture.js";
import { type Pprof, PprofEncoder, type PprofOptions } from "./pprof-encode.js";

/** Everything that pprof can say: all attributes of samples as labels, and frames as they are. */
export const exactPprof: PprofOptions = {
  labels: { keys: "all", integers: "number", exact: true },
  namedFrames: "none",
};

/** A capture as one pprof with a sample type per profile, types and values as they are. */
export function encodeCapture(encoder: PprofEncoder, { profiles }: Capture): Pprof {
  const { periodType, period, timeUnixNano, durationNano } = profiles[0];
  const columns = profiles.map((profile) => ({ profile, type: profile.sampleType, scale: 1n }));
  return encoder.encodeWhole({ columns, periodType, period, timeUnixNano, durationNano });
}

/** All captures of a batch, each as one pprof (not compressed): the way back from `decodePprof`. */
export function encodePprofs(batch: Profiles, options: PprofOptions = exactPprof): Pprof[] {
  const encoder = new PprofEncoder(batch.dictionary, options);
  const pprofs: Pprof[] = [];
  for (const { scopes } of batch.resources) {
    for (const { profiles } of scopes) {
      for (const capture of groupCaptures(profiles)) pprofs.push(encodeCapture(encoder, capture));
    }
  }
  return pprofs;
}
