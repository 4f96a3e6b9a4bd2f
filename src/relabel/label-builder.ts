/**
 * A label set under edit. A label with an empty value does not exist, before or after; a label whose name is empty can.
 * Behaves as Prometheus' labels.Builder, the order in which labels are visited included.
 */
export class LabelBuilder {
  readonly #base: ReadonlyMap<string, string>;
  readonly #added = new Map<string, string>();
  readonly #deleted = new Set<string>();

  /** `base` is read, never written. */
  constructor(base: ReadonlyMap<string, string>) {
    this.#base = base;
  }

  /** The value, "" if there is no such label. */
  get(name: string): string {
    const added = this.#added.get(name);
    if (added !== undefined) return added;
    return this.#deleted.has(name) ? "" : (this.#base.get(name) ?? "");
  }

  set(name: string, value: string): void {
    if (value === "") this.delete(name);
    else this.#added.set(name, value);
  }

  delete(name: string): void {
    this.#added.delete(name);
    this.#deleted.add(name);
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

  /** True if a label was written or taken away since the beginning, be it to the same value. */
  get touched(): boolean {
    return this.#added.size > 0 || this.#deleted.size > 0;
  }

  /** The label set as it is now; names in no particular order. */
  labels(): Map<string, string> {
    return new Map(this.snapshot());
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
