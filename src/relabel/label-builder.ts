/** How the labels of a set may be called. */
export interface LabelNaming {
  /** The one name under which this spelling is known. */
  canonical(name: string): string;
  /** Another spelling under which patterns of names know the label, or undefined. */
  alias(name: string): string | undefined;
}

const plainNaming: LabelNaming = { canonical: (name) => name, alias: () => undefined };

const noLabels: ReadonlyMap<string, string> = new Map();

/** A label that differs from what the set began with; the value "" = it went. */
export interface LabelChange {
  readonly name: string;
  /** The name as it was first written, before `canonical`. */
  readonly written: string;
  readonly value: string;
}

export interface LabelBuilderOptions {
  readonly naming?: LabelNaming;
  /** Labels of what the item stands in: rules read them where the item has none of that name, and see them nowhere else. */
  readonly outer?: ReadonlyMap<string, string>;
}

/**
 * A label set under edit. A label with an empty value does not exist, before or after; a label whose name is empty can.
 * Behaves as Prometheus' labels.Builder, the order in which labels are visited included.
 */
export class LabelBuilder {
  readonly #base: ReadonlyMap<string, string>;
  readonly #outer: ReadonlyMap<string, string>;
  readonly #naming: LabelNaming;
  readonly #added = new Map<string, string>();
  readonly #deleted = new Set<string>();
  readonly #written = new Map<string, string>();

  /** `base` has canonical names; it is read, never written. */
  constructor(base: ReadonlyMap<string, string>, { naming = plainNaming, outer = noLabels }: LabelBuilderOptions = {}) {
    this.#base = base;
    this.#naming = naming;
    this.#outer = outer;
  }

  /** The value, "" if there is no such label. */
  get(name: string): string {
    const canonical = this.#naming.canonical(name);
    const added = this.#added.get(canonical);
    if (added !== undefined) return added;
    if (this.#deleted.has(canonical)) return "";
    return this.#base.get(canonical) || (this.#outer.get(canonical) ?? "");
  }

  set(name: string, value: string): void {
    if (value === "") {
      this.delete(name);
      return;
    }
    const canonical = this.#naming.canonical(name);
    if (canonical !== name && !this.#written.has(canonical)) this.#written.set(canonical, name);
    this.#added.set(canonical, value);
  }

  delete(name: string): void {
    const canonical = this.#naming.canonical(name);
    this.#added.delete(canonical);
    this.#deleted.add(canonical);
  }

  /** Another spelling of a label's name that patterns may match. */
  alias(name: string): string | undefined {
    return this.#naming.alias(name);
  }

  /** The labels at this moment: those that stand as they were, in UTF-8 order of their names, then the written ones as written. */
  snapshot(): [name: string, value: string][] {
    const labels: [string, string][] = [];
    for (const label of this.#base) {
      if (label[1] !== "" && !this.#deleted.has(label[0]) && !this.#added.has(label[0])) labels.push(label);
    }
    labels.sort((a, b) => compareUtf8(a[0], b[0]));
    for (const label of this.#added) labels.push(label);
    return labels;
  }

  /** The label set as it is now; names in no particular order. */
  labels(): Map<string, string> {
    return new Map(this.snapshot());
  }

  /** What differs from the beginning: labels that went, then labels with another value, in the order of writing. */
  changes(): LabelChange[] {
    const changes: LabelChange[] = [];
    for (const name of this.#deleted) {
      if (!this.#added.has(name) && (this.#base.get(name) ?? "") !== "")
        changes.push({ name, written: name, value: "" });
    }
    for (const [name, value] of this.#added) {
      if (this.#base.get(name) !== value) changes.push({ name, written: this.#written.get(name) ?? name, value });
    }
    return changes;
  }
}

/** Orders strings as their UTF-8 bytes do; UTF-16 units order surrogates before U+E000..U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xHigh = x >= 0xd800 && x <= 0xdfff;
    const yHigh = y >= 0xd800 && y <= 0xdfff;
    if (xHigh === yHigh) return x - y;
    return xHigh ? 1 : -1;
  }
  return a.length - b.length;
}
