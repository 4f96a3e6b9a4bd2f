import { reserve, takeGap } from "../../pdata/wasm/arena";
import { reserveEntry } from "../../pdata/wasm/intern";
import { fail } from "../../pdata/wasm/primitives";
import { NO_MEMORY } from "./faults";

/** Memory that can't be had ends the work with a trap, which the caller knows by the fault. */
function trap(): void {
  fail(NO_MEMORY, 0);
  unreachable();
}

/** `takeGap`, or the end. */
export function gap(bytes: u64): usize {
  const at = takeGap(bytes);
  if (at === 0) trap();
  return at;
}

/** As `gap`, filled with zeros. */
export function zeros(bytes: u64): usize {
  const at = gap(bytes);
  memory.fill(at, 0, usize(bytes));
  return at;
}

/** `reserve`, or the end. */
export function need(bytes: u64): void {
  if (!reserve(bytes)) trap();
}

/** `reserveEntry`, or the end. */
export function needEntry(bytes: u64): void {
  if (!reserveEntry(bytes)) trap();
}
