import type { PipelineError } from "../../src/component/errors.js";
import type { Settings } from "../../src/component/factory.js";
import type { HttpRoute, HttpServerRequest } from "../../src/net/http-server.js";
import type { Counter } from "../../src/telemetry/metrics.js";
import { connectCode, replyFor } from "./answer.js";

const quietMs = 60_000;
const maxAgentChars = 80;

/**
 * Counts the requests that are refused, and says of those that are refused for good why: clients of Pyroscope keep quiet
 * about it by default. Once a minute at most, however many there are.
 */
export function watchRefusals(settings: Settings, nowMs: () => number = () => performance.now()) {
  const counters = new Map<string, Counter>();
  let saidMs = Number.NEGATIVE_INFINITY;
  let unsaid = 0;

  function count(code: string): void {
    let counter = counters.get(code);
    if (!counter) {
      const help = "Requests that were refused, by the code of the answer.";
      counter = settings.metrics.counter("flamepipe_refused_requests_total", help, { receiver: settings.id, code });
      counters.set(code, counter);
    }
    counter.add(1);
  }

  function note(error: PipelineError, { path, headers }: HttpServerRequest): void {
    count(connectCode(replyFor(error).code));
    // A full queue or a memory limit, behind which a request may be tried again, has words of its own for it.
    if (error.kind === "retryable") return;
    unsaid++;
    if (nowMs() - saidMs < quietMs) return;
    const user_agent = headers["user-agent"]?.slice(0, maxAgentChars);
    settings.log.warn("Requests are refused", { path, error: error.message, user_agent, requests: unsaid });
    saidMs = nowMs();
    unsaid = 0;
  }

  return (route: HttpRoute): HttpRoute => ({
    ...route,
    fail(error, request) {
      note(error, request);
      return route.fail(error, request);
    },
  });
}
