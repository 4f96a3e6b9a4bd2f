import type { Context } from "../component/context.js";
import { toPipelineError } from "../component/errors.js";
import type { Profiles } from "../pdata/profiles.js";
import { shuttingDown } from "./caller.js";
import type { Delivery, DeliveryStages } from "./stages.js";

/** No queue: the sender waits while its data is sent and retried, and hears the result. */
export function createDirect({ send, settled }: DeliveryStages): Delivery {
  let open = 0;
  let closed = false;
  let onIdle: (() => void) | undefined;

  async function consume(profiles: Profiles, ctx: Context): Promise<void> {
    ctx.reservation?.release();
    if (closed) throw shuttingDown();
    const samples = profiles.sampleCount;
    open++;
    try {
      await send(profiles, ctx);
      settled(samples, undefined, false);
    } catch (caught) {
      const error = toPipelineError(caught);
      settled(samples, error, false);
      throw error;
    } finally {
      if (--open === 0) onIdle?.();
    }
  }

  return {
    consume,
    reserve: () => (closed ? "full" : undefined),
    queue: undefined,
    drain() {
      closed = true;
      if (open === 0) return Promise.resolve();
      return new Promise((resolve) => {
        onIdle = resolve;
      });
    },
    abandon() {},
  };
}
