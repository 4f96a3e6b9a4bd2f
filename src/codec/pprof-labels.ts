import type { AnyValue } from "../pdata/any-value.js";
import type { Dictionary } from "../pdata/dictionary.js";

/** Which sample attributes become pprof labels. */
export interface LabelPolicy {
  /** Attribute keys; "all" = every one. */
  readonly keys: ReadonlySet<string> | "all";
  /** Integers as pprof's numeric labels with their unit, or as text (Pyroscope ignores numeric labels). */
  readonly integers: "number" | "text";
  /** True keeps labels as they are: repeated ones, their order, and such without a key or with an empty text. */
  readonly exact?: boolean;
}

/** A pprof label: text, or a number where `text` is "". */
export interface SampleLabel {
  readonly key: string;
  readonly text: string;
  /** True for an empty text that is a label all the same. */
  readonly isEmptyText: boolean;
  readonly number: bigint;
  readonly unit: string;
}

const unknown = -1;
const dropped = -2;

/** A scalar attribute value as label text; "" for what has none (arrays, maps, bytes, empty). */
export function labelText(value: AnyValue): string {
  switch (value.type) {
    case "string":
      return value.value;
    case "bool":
    case "int":
    case "double":
      return String(value.value);
    default:
      return "";
  }
}

/**
 * Interns sets of sample attributes as sets of labels: two attribute sets that give the same labels have the same id.
 * Set 0 is the empty one. Costs an array look-up per attribute of a set, and a decode per attribute_table entry.
 */
export class LabelSets {
  readonly sets: (readonly SampleLabel[])[] = [[]];
  private readonly dictionary: Dictionary;
  private readonly policy: LabelPolicy;
  private readonly labelIds: Int32Array;
  private readonly labels: SampleLabel[] = [];
  private readonly idsByLabel = new Map<string, number>();
  private readonly idsBySet = new Map<string, number>();

  constructor(dictionary: Dictionary, policy: LabelPolicy) {
    this.dictionary = dictionary;
    this.policy = policy;
    this.labelIds = new Int32Array(dictionary.attributeCount).fill(unknown);
  }

  /** The id of the labels that this set of attribute_table indices gives. */
  idOf(attributes: Int32Array): number {
    let kept: number[] | undefined;
    for (let i = 0; i < attributes.length; i++) {
      let label = this.labelIds[attributes[i]];
      if (label === unknown) {
        label = this.labelId(attributes[i]);
        this.labelIds[attributes[i]] = label;
      }
      if (label === dropped) continue;
      if (kept === undefined) kept = [label];
      else if (this.policy.exact || !kept.includes(label)) kept.push(label);
    }
    return kept === undefined ? 0 : this.setId(kept);
  }

  private setId(labels: number[]): number {
    if (!this.policy.exact && labels.length > 1) labels.sort((a, b) => a - b);
    const key = labels.join(" ");
    let id = this.idsBySet.get(key);
    if (id === undefined) {
      id = this.sets.push(labels.map((label) => this.labels[label])) - 1;
      this.idsBySet.set(key, id);
    }
    return id;
  }

  private labelId(index: number): number {
    const { key, value, unit } = this.dictionary.attribute(index);
    const { keys, exact } = this.policy;
    if ((key === "" && !exact) || (keys !== "all" && !keys.has(key))) return dropped;
    const isNumber = value.type === "int" && this.policy.integers === "number";
    const text = isNumber ? "" : labelText(value);
    const isEmptyText = exact === true && value.type === "string" && text === "";
    if (!isNumber && text === "" && !isEmptyText) return dropped;
    const number = isNumber ? value.value : 0n;
    const identity = JSON.stringify([key, text, isEmptyText, String(number), isNumber ? unit : ""]);
    let id = this.idsByLabel.get(identity);
    if (id === undefined) {
      id = this.labels.push({ key, text, isEmptyText, number, unit: isNumber ? unit : "" }) - 1;
      this.idsByLabel.set(identity, id);
    }
    return id;
  }
}
