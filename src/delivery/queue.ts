import type { Consumer } from "../component/consumer.js";
import type { PipelineError } from "../component/errors.js";
import type { Sizer } from "./config.js";
import type { Deliver } from "./send.js";

/**
 * What stands between an exporter's senders and its backend. The memory queue is one; a durable one is another with
 * the same face.
 */
export interface Queue {
  readonly consume: Consumer["consume"];
  readonly reserve: Consumer["reserve"];
  /** In units of the sizer; what is being delivered and what is reserved count too. */
  size(): number;
  readonly capacity: number;
  /** Samples whose sender was answered while their fate is open. */
  openSamples(): number;
  /** Milliseconds that the oldest item has waited for its delivery; 0 if there is none. */
  oldestAgeMs(): number;
  /** Takes nothing more; resolves when everything taken is settled. */
  drain(): Promise<void>;
  /** Settles with `error` what has not been handed to `deliver` yet. */
  abandon(error: PipelineError): void;
}

/** How a queue reaches the stages around it. */
export interface QueueStages {
  /** The next stage. */
  readonly deliver: Deliver;
  /** Items with `deliver` at a time. */
  readonly consumers: number;
  /** What `deliver` holds but is not sending yet, if it holds anything. */
  readonly held?: Sheddable;
  /** An item is settled. `answered` = its sender was told "taken" before that, so that a failure is a loss. */
  readonly settled: (samples: number, error: PipelineError | undefined, answered: boolean) => void;
  /** An item was not taken. */
  readonly refused: (samples: number) => void;
}

/** Items that can still be given up. */
export interface Sheddable {
  size(sizer: Sizer): number;
  /** Answers the oldest with `error`; false if there is none. */
  shedOldest(error: PipelineError): boolean;
}
