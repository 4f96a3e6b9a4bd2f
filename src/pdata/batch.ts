import type { Dictionary } from "./dictionary.js";

/** A sample type or period type: what is counted, and in which unit. */
export interface ValueType {
  readonly type: string;
  readonly unit: string;
}

/** What belongs to the batch as a whole and is shared by all its views. */
export interface Batch {
  dictionary: Dictionary;
  /** Set once references or items were removed: entries nobody uses any more must not be sent. */
  needsPrune: boolean;
  /** True if attributes of resources or scopes came as references: their strings stand in string_table too. */
  readonly hadReferences: boolean;
  /** original_payload fields that went because their profile's samples or attributes changed. */
  droppedPayloads: number;
  /** Sample messages that went because they were joined with others that had become equal. */
  joinedSamples: number;
  /** Decodes the payloads of all resources; undefined where profiles stand in the batch as profiles. */
  unseal: (() => void) | undefined;
}
