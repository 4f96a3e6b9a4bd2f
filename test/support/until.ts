import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/** As long as a busy machine may keep a test waiting. */
const patienceMs = 60_000;

/** Waits for what sockets, files and other processes do. `step` runs between two looks. */
export async function until(
  done: () => boolean | Promise<boolean>,
  step: () => unknown = () => sleep(5),
): Promise<void> {
  for (const end = performance.now() + patienceMs; !(await done()); await step()) {
    assert.ok(performance.now() < end, `never: ${done}`);
  }
}
