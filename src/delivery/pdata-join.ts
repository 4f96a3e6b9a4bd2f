import { mergeProfiles } from "../pdata/merge.js";
import { splitProfiles } from "../pdata/split.js";
import type { Join } from "./batcher-options.js";

export const pdataJoin: Join = { merge: mergeProfiles, split: splitProfiles };
