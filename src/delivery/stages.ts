import type { Consumer } from "../component/consumer.js";
import type { PipelineError } from "../component/errors.js";
import type { Join, Trigger } from "./batcher-options.js";
import type { Clock } from "./clock.js";
import type { Queue } from "./queue.js";
import type { Send } from "./send.js";

/** What the outer stages of an exporter build on. */
export interface DeliveryStages {
  /** Retry, timeout and send, counted. */
  readonly send: Send;
  /** An item is settled; `answered` = its sender was told "taken" before that, so that a failure is a loss. */
  settled(samples: number, error: PipelineError | undefined, answered: boolean): void;
  /** An item was not taken. */
  refused(samples: number): void;
  onBatch(trigger: Trigger, samples: number, bytes: number): void;
  readonly clock: Clock;
  readonly join: Join;
}

/** The outer stages of an exporter: how senders meet the sending. */
export interface Delivery {
  readonly consume: Consumer["consume"];
  readonly reserve: Consumer["reserve"];
  readonly queue: Queue | undefined;
  /** Takes nothing more; resolves when everything taken is settled. */
  drain(): Promise<void>;
  /** Settles with `error` everything that is not being sent. */
  abandon(error: PipelineError): void;
}
