import { Profiles } from "./profiles.js";
import { buildRequest } from "./rebuild.js";
import { joinSealed } from "./sealed.js";

/**
 * One batch with one dictionary. Equal resources and scopes are joined; a Profile stays a Profile. The inputs are left
 * as they are; the result holds none of their memory, unless there is only one. Where all are sealed it is sealed, and
 * shares their payloads.
 */
export function mergeProfiles(batches: readonly Profiles[]): Profiles {
  if (batches.length === 1) return batches[0];
  if (batches.every((batch) => batch.isSealed)) return joinSealed(batches);
  return Profiles.built(buildRequest(batches));
}

/** The same batch with a dictionary of only what it uses. */
export function pruneProfiles(batch: Profiles): Profiles {
  return Profiles.built(buildRequest([batch]));
}
