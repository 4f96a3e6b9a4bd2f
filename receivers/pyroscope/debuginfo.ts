import { Code, PipelineError } from "../../src/component/errors.js";
import type { Settings } from "../../src/component/factory.js";
import { createHttpClient, type HttpClient } from "../../src/net/http-client.js";
import type { HttpRoute, HttpServerRequest } from "../../src/net/http-server.js";
import { connectFailure } from "./answer.js";
import type { PyroscopeReceiverConfig } from "./config.js";

const servicePath = "/debuginfo.v1alpha1.DebuginfoService/";
/** What goes on to the other side, and what comes back: the calls are Connect unary or plain uploads. */
const requestHeaders = ["content-type", "connect-protocol-version", "connect-timeout-ms", "x-scope-orgid"];
const answerHeaders = ["content-type", "retry-after"];

/** The calls and uploads of debug information, handed to the Pyroscope that `debuginfo` names. */
export interface DebuginfoProxy {
  readonly route: HttpRoute;
  close(): Promise<void>;
}

export function createDebuginfoProxy(settings: Settings, config: PyroscopeReceiverConfig["debuginfo"]): DebuginfoProxy {
  // What was sent compressed arrives here inflated, and goes on like that.
  const client = config && createHttpClient({ ...config, compression: "none" }, settings);
  const timeoutMs = config?.timeout;
  return {
    route: {
      path: servicePath,
      prefix: true,
      methods: ["POST"],
      check: () => (client ? undefined : connectFailure(switchedOff())),
      async handle(request, body, ctx) {
        if (!client) throw switchedOff();
        return forward(client, request, body, { signal: ctx.signal, timeoutMs });
      },
      fail: connectFailure,
    },
    close: async () => client?.close(),
  };
}

function switchedOff(): PipelineError {
  return new PipelineError("permanent", "debug information is not taken here (`debuginfo` is not configured)", {
    code: Code.UNIMPLEMENTED,
    httpStatus: 404,
    reason: "unimplemented",
  });
}

async function forward(
  client: HttpClient,
  request: HttpServerRequest,
  body: Buffer,
  limits: { signal: AbortSignal | undefined; timeoutMs: number | undefined },
) {
  if (request.headers["content-type"]?.startsWith("application/grpc")) {
    throw new PipelineError("permanent", "debuginfo calls are taken over Connect only, not gRPC", {
      code: Code.UNIMPLEMENTED,
      httpStatus: 404,
      reason: "unimplemented",
    });
  }
  const query = request.query.size > 0 ? `?${request.query}` : "";
  const headers = pick(request.headers, requestHeaders);
  const answer = await client.request({ method: "POST", url: request.path + query, headers, body, ...limits });
  return { status: answer.status, headers: pick(answer.headers, answerHeaders), body: answer.body };
}

function pick(headers: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) if (typeof headers[name] === "string") picked[name] = headers[name];
  return picked;
}
