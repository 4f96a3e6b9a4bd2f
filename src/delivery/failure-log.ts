import type { PipelineError } from "../component/errors.js";
import type { Logger } from "../telemetry/log.js";
import type { Clock } from "./clock.js";
import { createConditionLog } from "./condition-log.js";

/** Says what an exporter lost or refused: when it begins, once a minute while it lasts, and when it is over. */
export interface FailureLog {
  /** `answered` = the sender had been told "taken": the samples are lost. */
  failed(samples: number, error: PipelineError, answered: boolean): void;
  succeeded(): void;
  /** From now on losses are only added up. */
  quiet(): void;
  /** Samples lost since `quiet`. */
  lostWhileQuiet(): number;
}

export function createFailureLog(log: Logger, clock: Clock): FailureLog {
  const condition = createConditionLog(clock);
  let lost = 0;
  let isQuiet = false;

  function write(samples: number, error: PipelineError, answered: boolean, repeats: number): void {
    const fields = { error: error.message, reason: error.reason, repeats };
    if (answered) log.error("Exporting failed. Dropping data.", { ...fields, dropped_items: samples });
    else log.error("Exporting failed. Rejecting data.", { ...fields, rejected_items: samples });
  }

  return {
    failed(samples, error, answered) {
      if (isQuiet) {
        if (answered) lost += samples;
        return;
      }
      condition.raise((repeats) => write(samples, error, answered, repeats));
    },
    succeeded() {
      if (condition.clear()) log.info("Exporting works again.");
    },
    quiet() {
      isQuiet = true;
    },
    lostWhileQuiet: () => lost,
  };
}
