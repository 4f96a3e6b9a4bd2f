import { LruCache } from "../../src/attributes/lru-cache.js";
import type { KeyValue } from "../../src/pdata/any-value.js";
import { relabel } from "../../src/relabel/engine.js";
import { LabelBuilder, type LabelChange, type LabelNaming } from "../../src/relabel/label-builder.js";
import type { RelabelRule } from "../../src/relabel/rule.js";
import { labelsOf, vanishes } from "./label-view.js";

/** What the rules make of a label set: its changes, or null where they drop it. */
export type Verdict = readonly LabelChange[] | null;

export const maxCachedSets = 16_384;
export const maxCachedBytes = 16 * 1024 * 1024;

const noLabels: ReadonlyMap<string, string> = new Map();

/** Runs the rules once per distinct label set, as far as memory is worth it (least recently used sets go first). */
export class Evaluator {
  hits = 0;
  misses = 0;
  readonly naming: LabelNaming;
  readonly #rules: readonly RelabelRule[];
  readonly #readNames: readonly string[];
  readonly #verdicts = new LruCache<Verdict | "dropped">(maxCachedSets, maxCachedBytes, weigh);

  constructor(rules: readonly RelabelRule[], naming: LabelNaming) {
    this.#rules = rules;
    this.naming = naming;
    this.#readNames = readNames(rules, naming);
  }

  /** The labels of a resource that the rules read by name: what an item inside it borrows from it. */
  outerLabels(resource: readonly KeyValue[]): ReadonlyMap<string, string> {
    return this.withInner(noLabels, resource);
  }

  /** `outer` and, before it, what something inside it has of the labels that the rules read. */
  withInner(outer: ReadonlyMap<string, string>, attributes: readonly KeyValue[]): ReadonlyMap<string, string> {
    if (this.#readNames.length === 0 || attributes.length === 0) return outer;
    const inner = labelsOf(attributes, this.naming);
    const read = new Map<string, string>();
    for (const name of this.#readNames) {
      const value = inner.get(name) || outer.get(name);
      if (value !== undefined && value !== "") read.set(name, value);
    }
    return read;
  }

  /** The verdict, from memory where this set has been seen. `own` are canonical labels. */
  verdict(own: ReadonlyMap<string, string>, outer: ReadonlyMap<string, string>): Verdict {
    const key = setKey(own, outer);
    const known = this.#verdicts.get(key);
    if (known !== undefined) {
      this.hits++;
      return known === "dropped" ? null : known;
    }
    this.misses++;
    const verdict = this.evaluate(own, outer);
    this.#verdicts.set(key, verdict ?? "dropped");
    return verdict;
  }

  /** The verdict, without memory. */
  evaluate(own: ReadonlyMap<string, string>, outer: ReadonlyMap<string, string> = noLabels): Verdict {
    const labels = new LabelBuilder(own, { naming: this.naming, outer });
    return relabel(this.#rules, labels) ? labels.changes() : null;
  }
}

/** Names that rules read, the target of keepequal and dropequal included. */
function readNames(rules: readonly RelabelRule[], naming: LabelNaming): string[] {
  const names = new Set<string>();
  for (const rule of rules) {
    for (const name of rule.sourceLabels) names.add(naming.canonical(name));
    if (rule.action === "keepequal" || rule.action === "dropequal") names.add(naming.canonical(rule.targetLabel));
  }
  return [...names].filter((name) => !vanishes(name));
}

/** Lengths keep the parts apart, whatever is in them. */
function setKey(own: ReadonlyMap<string, string>, outer: ReadonlyMap<string, string>): string {
  let key = "";
  for (const [name, value] of own) key += `${name.length}:${name}${value.length}:${value}`;
  for (const [name, value] of outer) key += `|${name.length}:${name}${value.length}:${value}`;
  return key;
}

function weigh(key: string, verdict: Verdict | "dropped"): number {
  let weight = 64 + 2 * key.length;
  if (verdict === null || verdict === "dropped") return weight;
  for (const change of verdict) weight += 64 + 2 * (change.name.length + change.value.length);
  return weight;
}
