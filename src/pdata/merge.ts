import { Profiles } from "./profiles.js";
import { buildRequest } from "./rebuild.js";

/**
 * One batch with one dictionary. Equal resources and scopes are joined; a Profile stays a Profile. The inputs are left
 * as they are; the result holds none of their memory, unless there is only one.
 */
export function mergeProfiles(batches: readonly Profiles[]): Profiles {
  return batches.length === 1 ? batches[0] : Profiles.built(buildRequest(batches));
}

/** The same batch with a dictionary of only what it uses. */
export function pruneProfiles(batch: Profiles): Profiles {
  return Profiles.built(buildRequest([batch]));
}
