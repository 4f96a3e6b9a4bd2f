import assert from "node:assert/strict";
import { background, type Context } from "../../src/component/context.js";
import type { PipelineError } from "../../src/component/errors.js";
import { type Batcher, createBatcher } from "../../src/delivery/batcher.js";
import type { BatcherOptions } from "../../src/delivery/batcher-options.js";
import { FakeClock, fakeJoin, fakeProfiles, namesOf } from "./support.js";

type Next = (name: string, ctx: Context, samples: number) => Promise<void> | void;

/** A batcher over fake batches, with what it sent, why, and what it could not attribute. */
export function rig(options: Partial<BatcherOptions> = {}, next: Next = () => {}) {
  const clock = new FakeClock();
  const sent: string[] = [];
  const triggers: string[] = [];
  const unattributed: number[] = [];
  const batcher = createBatcher({
    next: async (profiles, ctx) => {
      sent.push(namesOf(profiles));
      await next(namesOf(profiles), ctx, profiles.sampleCount);
    },
    join: fakeJoin,
    clock,
    minSamples: 10,
    minBytes: 0,
    limit: { maxSamples: 0, maxBytes: 0 },
    timeoutMs: 200,
    metadataKeys: [],
    metadataCardinalityLimit: 0,
    concurrency: Number.POSITIVE_INFINITY,
    answeredEarly: false,
    onBatch: (trigger) => triggers.push(trigger),
    onUnattributed: (rejected) => unattributed.push(rejected),
    ...options,
  });
  return { clock, sent, triggers, unattributed, batcher };
}

export interface Answer {
  state: "open" | "taken" | PipelineError;
}

/** Hands in a batch and keeps its answer, which must come once. */
export function add(batcher: Batcher, name: string, samples = 1, ctx = background, bytes = 100 * samples): Answer {
  const answer: Answer = { state: "open" };
  batcher.add(fakeProfiles(name, samples, bytes), ctx, (error) => {
    assert.equal(answer.state, "open", `${name} was answered twice`);
    answer.state = error ?? "taken";
  });
  return answer;
}

export function stateOf(answer: Answer): string {
  return typeof answer.state === "string" ? answer.state : answer.state.kind;
}
