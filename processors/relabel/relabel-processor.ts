import { ResourceEditor } from "../../src/attributes/resource-editor.js";
import type { Consumer } from "../../src/component/consumer.js";
import type { Processor, Settings } from "../../src/component/factory.js";
import type { Profile, Profiles, ScopeProfiles } from "../../src/pdata/profiles.js";
import { compileRules } from "../../src/relabel/config.js";
import type { RelabelConfig } from "./config.js";
import { Evaluator } from "./evaluator.js";
import { createNaming, labelsOf, writeChanges } from "./label-view.js";
import { viewProfile, writeProfile } from "./profile-labels.js";

/** Edits a batch in place; returns the samples that the rules dropped. */
type BatchEdit = (profiles: Profiles) => number;

/** Evaluations answered from memory, and those that ran. */
interface CacheCounts {
  readonly hits: number;
  readonly misses: number;
}

export function createRelabelProcessor(settings: Settings, config: RelabelConfig, next: Consumer): Processor {
  const evaluator = new Evaluator(compileRules(config.rules), createNaming(config.label_style));
  const [edit, counts] =
    config.context === "resource" ? resourceEdits(evaluator) : itemEdits(config.context, evaluator);
  const { metrics, id } = settings;
  const dropped = metrics.counter(
    "flamepipe_dropped_samples_total",
    "Samples that were accepted and then lost or discarded, by reason.",
    { component: id, reason: "filtered" },
  );
  const hits = metrics.counter("flamepipe_relabel_cache_hits_total", "Label sets whose outcome was remembered.", {
    component: id,
  });
  const misses = metrics.counter("flamepipe_relabel_cache_misses_total", "Label sets on which the rules were run.", {
    component: id,
  });

  return {
    mutates: true,
    async start() {},
    async shutdown() {},
    reserve: (profiles) => next.reserve(profiles),
    async consume(profiles, ctx) {
      const hadResources = profiles.resources.length > 0;
      const before = { hits: counts.hits, misses: counts.misses };
      const lost = edit(profiles);
      hits.add(counts.hits - before.hits);
      misses.add(counts.misses - before.misses);
      if (lost > 0) dropped.add(lost);
      // Nothing left is nothing to hand on; a batch that came empty goes on as it came.
      if (hadResources && profiles.resources.length === 0) return;
      await next.consume(profiles, ctx);
    },
  };
}

function resourceEdits(evaluator: Evaluator): [BatchEdit, CacheCounts] {
  const editor = new ResourceEditor((attributes) => {
    const verdict = evaluator.evaluate(labelsOf(attributes, evaluator.naming));
    return verdict === null ? null : writeChanges(attributes, verdict, evaluator.naming);
  });
  return [(profiles) => profiles.filterResources((resource) => editor.apply(resource)), editor];
}

type Labels = ReadonlyMap<string, string>;

/** Edits of profiles or samples. Scopes and resources that drops have emptied go as well. */
function itemEdits(context: "profile" | "sample", evaluator: Evaluator): [BatchEdit, CacheCounts] {
  const relabelScope = context === "profile" ? relabelProfiles : relabelSamples;
  const edit: BatchEdit = (profiles) => {
    let lost = 0;
    const emptied = new Set<unknown>();
    for (const resource of profiles.resources) {
      const outer = evaluator.outerLabels(resource.attributes);
      let lostScope = false;
      for (const scope of resource.scopes) {
        const dropped = relabelScope(scope, outer, evaluator);
        lost += dropped.samples;
        if (dropped.profiles.size === 0) continue;
        scope.filterProfiles((profile) => !dropped.profiles.has(profile));
        if (scope.profiles.length > 0) continue;
        emptied.add(scope);
        lostScope = true;
      }
      if (!lostScope) continue;
      resource.filterScopes((scope) => !emptied.has(scope));
      if (resource.scopes.length === 0) emptied.add(resource);
    }
    if (emptied.size > 0) profiles.filterResources((resource) => !emptied.has(resource));
    return lost;
  };
  return [edit, evaluator];
}

/** What the rules dropped of a scope: samples, and the profiles that are to go. */
interface Dropped {
  samples: number;
  readonly profiles: Set<Profile>;
}

function relabelProfiles(scope: ScopeProfiles, outer: Labels, evaluator: Evaluator): Dropped {
  const dropped: Dropped = { samples: 0, profiles: new Set() };
  for (const profile of scope.profiles) {
    const view = viewProfile(profile, evaluator.naming);
    const verdict = evaluator.verdict(view.labels, outer);
    if (verdict !== null) writeProfile(profile, view, verdict, evaluator.naming);
    else {
      dropped.samples += profile.sampleCount;
      dropped.profiles.add(profile);
    }
  }
  return dropped;
}

/** A profile goes with the last of its samples; one that came without samples stays. */
function relabelSamples(scope: ScopeProfiles, outer: Labels, evaluator: Evaluator): Dropped {
  const dropped: Dropped = { samples: 0, profiles: new Set() };
  for (const profile of scope.profiles) {
    const around = evaluator.withInner(outer, profile.attributes);
    const lost = profile.mapSampleAttributes((attributes) => {
      const verdict = evaluator.verdict(labelsOf(attributes, evaluator.naming), around);
      return verdict === null ? null : writeChanges(attributes, verdict, evaluator.naming);
    });
    dropped.samples += lost;
    if (lost > 0 && profile.sampleCount === 0) dropped.profiles.add(profile);
  }
  return dropped;
}
