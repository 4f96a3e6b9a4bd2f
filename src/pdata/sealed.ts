import { Writer } from "../proto/wire.js";
import { ProfilesBuilder, type ScopeBuilder } from "./builder.js";
import type { Payload, PayloadScope } from "./payload.js";
import { Profiles, type ResourceProfiles } from "./profiles.js";
import { type Built, emptyScan } from "./scan.js";

/** One resource of a sealed batch. */
export interface SealedResource {
  /** As `resourceHead` of the builder makes it. */
  readonly head: Buffer;
  readonly payloads: readonly Payload[];
}

/** Of the dictionary that there is none of. */
const noCounts = new Int32Array(8);
const noScope: PayloadScope = { name: "", version: "" };

/**
 * A batch whose profiles are payloads. Its resources are read, edited and filtered like those of any other; who asks for
 * scopes, profiles or the dictionary has it decoded. The buffers are kept, not copied.
 */
export function sealedProfiles(resources: readonly SealedResource[]): Profiles {
  const scanned = emptyScan(resources.length, 0, noCounts);
  let pos = 0;
  resources.forEach(({ head, payloads }, i) => {
    scanned.resources[4 * i] = pos;
    pos += head.length;
    scanned.resources[4 * i + 1] = pos;
    for (const { sampleCount, endNano } of payloads) {
      scanned.resources[4 * i + 2] += sampleCount;
      scanned.newestNano = Math.max(scanned.newestNano, endNano);
    }
    scanned.sampleCount += scanned.resources[4 * i + 2];
  });
  const heads = resources.length === 1 ? resources[0].head : Buffer.concat(resources.map(({ head }) => head));
  const payloads = resources.map((resource) => resource.payloads);
  return Profiles.sealed(heads, scanned, { payloads, open });
}

/** One batch out of several sealed ones, sealed; equal resources are joined. */
export function joinSealed(batches: readonly Profiles[]): Profiles {
  const joined = new Map<string, { readonly head: Buffer; readonly payloads: Payload[] }>();
  const head = new Writer(1024);
  for (const batch of batches) {
    for (const resource of batch.resources) {
      head.reset();
      resource.writeHead(head);
      const key = head.buf.latin1Slice(0, head.pos);
      let group = joined.get(key);
      if (!group) {
        group = { head: head.copyOut(), payloads: [] };
        joined.set(key, group);
      }
      for (const payload of resource.payloads ?? []) group.payloads.push(payload);
    }
  }
  return sealedProfiles([...joined.values()]);
}

/** The request that the resources are with their payloads decoded. */
function open(resources: readonly ResourceProfiles[]): Built {
  const builder = new ProfilesBuilder();
  for (const resource of resources) {
    const into = builder.resourceOf(resource.resourceBytes());
    const scopes = new Map<string, ScopeBuilder>();
    for (const payload of resource.payloads ?? []) {
      const { name, version } = payload.scope ?? noScope;
      const key = JSON.stringify([name, version]);
      let scope = scopes.get(key);
      if (!scope) {
        scope = into.scope(name, version);
        scopes.set(key, scope);
      }
      payload.decodeInto(scope);
    }
  }
  return builder.build();
}
