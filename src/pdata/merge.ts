import type { Profiles } from "./profiles.js";

/**
 * One batch with one dictionary. Equal resources and scopes are joined; a Profile stays a Profile. The inputs are left as they are.
 */
export declare function mergeProfiles(batches: readonly Profiles[]): Profiles;
