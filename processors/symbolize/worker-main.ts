import { InvalidBinaryError } from "../../src/symbols/invalid-binary.js";
import { createBinaries } from "./binaries.js";
import type { Answer, FromWorker, Reply, Request, WorkerOptions } from "./protocol.js";

/**
 * The process that reads binaries. It answers one request after the other, and ends when the collector closes the
 * channel or is gone. Whatever goes wrong in it costs only itself.
 */
const binaries = createBinaries(JSON.parse(process.argv[2]) as WorkerOptions);

function answer(request: Request): Answer {
  try {
    return binaries.answer(request);
  } catch (caught) {
    if (!(caught instanceof InvalidBinaryError || caught instanceof RangeError)) throw caught;
    return { outcome: "invalid", reason: caught.message };
  }
}

process.on("message", (request: Request) => {
  const reply: Reply = { ...answer(request), id: request.id };
  process.send?.(reply);
});

process.send?.({ ready: true } satisfies FromWorker);

// The collector decides when this process ends: a signal to the whole group must not cost it its last names.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
