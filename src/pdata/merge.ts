import type { Profiles } from "./profiles.js";
import { buildProfiles } from "./rebuild.js";

/**
 * One batch with one dictionary. Equal resources and scopes are joined; a Profile stays a Profile. The inputs are left
 * as they are; the result holds none of their memory.
 */
export function mergeProfiles(batches: readonly Profiles[]): Profiles {
  return batches.length === 1 ? batches[0] : buildProfiles(batches);
}
