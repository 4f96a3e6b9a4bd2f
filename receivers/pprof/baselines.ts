import type { PprofBaseline } from "../../src/codec/pprof-delta.js";

/** Memory for the values of earlier scrapes, shared by all targets. */
export class BaselineBudget {
  readonly maxBytes: number;
  usedBytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }
}

/** The earlier values of one profile of one target. */
export class Baseline {
  private readonly budget: BaselineBudget;
  private kept: PprofBaseline | undefined;

  constructor(budget: BaselineBudget) {
    this.budget = budget;
  }

  get value(): PprofBaseline | undefined {
    return this.kept;
  }

  /** Bytes that a new value may take. */
  get maxBytes(): number {
    return this.budget.maxBytes - this.budget.usedBytes + (this.kept?.byteSize ?? 0);
  }

  set(next: PprofBaseline | undefined): void {
    this.budget.usedBytes += (next?.byteSize ?? 0) - (this.kept?.byteSize ?? 0);
    this.kept = next;
  }
}
