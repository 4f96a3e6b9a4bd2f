import type { CompiledRegExp } from "../regexp/regexp.js";

export const actions = [
  "replace",
  "keep",
  "drop",
  "keepequal",
  "dropequal",
  "hashmod",
  "labelmap",
  "labeldrop",
  "labelkeep",
  "lowercase",
  "uppercase",
] as const;

export type Action = (typeof actions)[number];

/** One relabeling rule, checked. Field names and defaults are Prometheus'. */
export interface RelabelRule {
  readonly action: Action;
  readonly sourceLabels: readonly string[];
  readonly separator: string;
  /** Anchored at both ends. */
  readonly regex: CompiledRegExp;
  readonly modulus: bigint;
  readonly targetLabel: string;
  readonly replacement: string;
}

/** The rule list is refused; the message is the one of Prometheus' library. */
export class RelabelConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RelabelConfigError";
  }
}
