import type { TargetGroup } from "./target.js";

/** A source of targets. */
export interface Discovery {
  groups(): readonly TargetGroup[];
  /** Resolves when what can be known at once is known. */
  start(): Promise<void>;
  stop(): Promise<void>;
}
