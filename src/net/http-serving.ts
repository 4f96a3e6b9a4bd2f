import type { IncomingMessage, ServerResponse } from "node:http";
import { toPipelineError } from "../component/errors.js";
import { type ByteBudget, overBudget } from "./byte-budget.js";
import { type Coding, decode, parseContentEncoding } from "./compression.js";
import { type BodyRoom, readBody } from "./http-body.js";
import { isHttp1, RequestContext } from "./http-context.js";
import type { HttpRoute, HttpServerRequest, HttpServerResponse } from "./http-route.js";

/** What a server allows its requests. */
export interface ServingLimits {
  maxBytes: number;
  codings: readonly Coding[];
  budget: ByteBudget;
  includeMetadata: boolean;
}

/**
 * One request: read, decoded, handled and answered. Its bytes stay in the budget until it is answered. Nothing here holds
 * the body while the handler works, which lets go of it when it has read it.
 */
export class Serving implements BodyRoom {
  private readonly route: HttpRoute;
  private readonly request: HttpServerRequest;
  private readonly message: IncomingMessage;
  private readonly response: ServerResponse;
  private readonly limits: ServingLimits;
  private heldBytes = 0;

  constructor(
    route: HttpRoute,
    request: HttpServerRequest,
    message: IncomingMessage,
    response: ServerResponse,
    limits: ServingLimits,
  ) {
    this.route = route;
    this.request = request;
    this.message = message;
    this.response = response;
    this.limits = limits;
  }

  fits(bytes: number): boolean {
    const { usedBytes, maxBytes } = this.limits.budget;
    return usedBytes + bytes <= maxBytes;
  }

  grow(bytes: number): boolean {
    if (!this.limits.budget.tryAcquire(bytes)) return false;
    this.heldBytes += bytes;
    return true;
  }

  begin(): void {
    const { message, response, limits } = this;
    let coding: Coding;
    try {
      coding = parseContentEncoding(message.headers["content-encoding"], limits.codings);
    } catch (error) {
      this.fail(error);
      return;
    }
    // Node answers HTTP/2 by itself; HTTP/1.0 knows no such answer.
    const waits = message.headers.expect !== undefined && message.httpVersion === "1.1";
    const proceed = waits ? () => response.writeContinue() : undefined;
    readBody(message, { maxBytes: limits.maxBytes, room: this, noRoom: overBudget, proceed }, (error, body) => {
      if (error) this.fail(error);
      else if (coding === "none") this.handle(body);
      else decode(coding, body, limits.maxBytes).then(this.handleDecoded, this.fail);
    });
  }

  private readonly handleDecoded = (body: Buffer): void => {
    if (this.grow(Math.max(0, body.length - this.heldBytes))) this.handle(body);
    else this.fail(overBudget());
  };

  private handle(body: Buffer): void {
    const { route, request, message, response, limits } = this;
    try {
      const context = new RequestContext(message, response, limits.includeMetadata);
      route.handle(request, body, context).then(this.succeed, this.fail);
    } catch (error) {
      this.fail(error);
    }
  }

  private readonly succeed = (answer: HttpServerResponse): void => {
    this.limits.budget.release(this.heldBytes);
    send(this.message, this.response, answer);
  };

  private readonly fail = (error: unknown): void => {
    this.limits.budget.release(this.heldBytes);
    send(this.message, this.response, this.route.fail(toPipelineError(error), this.request));
  };
}

/** Answers, unless that has been done or nobody is there. */
export function send(message: IncomingMessage, response: ServerResponse, answer: HttpServerResponse): void {
  if (response.destroyed || response.headersSent) return;
  // The rest of a body that nobody reads would be taken for the next request.
  if (!message.complete && isHttp1(message) && announcesBody(message)) response.setHeader("connection", "close");
  // Trailers need a body of unknown length.
  const length = answer.trailers ? {} : { "content-length": answer.body?.length ?? 0 };
  response.writeHead(answer.status, { ...length, ...answer.headers });
  if (answer.trailers) sendWithTrailers(response, answer.body, answer.trailers);
  // An empty body is a write of its own.
  else if (answer.body && answer.body.length > 0) response.end(answer.body);
  else response.end();
}

function announcesBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function sendWithTrailers(
  response: ServerResponse,
  body: Buffer | undefined,
  trailers: Readonly<Record<string, string>>,
): void {
  if (body) response.write(body);
  response.addTrailers(trailers);
  response.end();
}
