import type { KeyValue } from "../pdata/any-value.js";
import type { ResourceProfiles } from "../pdata/profiles.js";
import { LruCache } from "./lru-cache.js";

/** The new list, the same list (nothing changed), or null (the resource goes, with all that is in it). */
export type AttributeEdit = (attributes: readonly KeyValue[]) => readonly KeyValue[] | null;

/** What becomes of a resource with certain bytes: other bytes, the same, or nothing. */
type Outcome = Buffer | "same" | "drop";

const maxEntries = 8192;
const maxBytes = 8 * 1024 * 1024;

/**
 * Edits resources. Agents send the same resources with every request, so what an edit made of a resource is remembered
 * by the resource's bytes (bounded, least recently used goes first): the second time nothing is decoded or encoded.
 */
export class ResourceEditor {
  /** Edits answered from memory, and those that ran, since the beginning. */
  hits = 0;
  misses = 0;
  readonly #edit: AttributeEdit;
  readonly #outcomes = new LruCache<Outcome>(maxEntries, maxBytes, weigh);

  /** `edit` must give the same answer for the same attributes. */
  constructor(edit: AttributeEdit) {
    this.#edit = edit;
  }

  /** False if the resource is to be dropped. */
  apply(resource: ResourceProfiles): boolean {
    const before = resource.resourceBytes();
    const key = before.latin1Slice(0, before.length);
    const known = this.#outcomes.get(key);
    if (known !== undefined) {
      this.hits++;
      if (typeof known !== "string") resource.setResourceBytes(known);
      return known !== "drop";
    }
    this.misses++;
    const outcome = editResource(resource, this.#edit);
    this.#outcomes.set(key, outcome);
    return outcome !== "drop";
  }
}

function editResource(resource: ResourceProfiles, edit: AttributeEdit): Outcome {
  const attributes = resource.attributes;
  const edited = edit(attributes);
  if (edited === null) return "drop";
  if (edited === attributes) return "same";
  resource.setAttributes(edited);
  // A copy of its own size: what is remembered must not hold on to larger buffers.
  return Buffer.from(resource.resourceBytes());
}

function weigh(key: string, outcome: Outcome): number {
  return 64 + key.length + (typeof outcome === "string" ? 0 : outcome.length);
}
