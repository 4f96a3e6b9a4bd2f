import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Context } from "../component/context.js";
import type { PipelineError } from "../component/errors.js";

export interface HttpServerRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
}

export interface HttpServerResponse {
  status: number;
  headers?: OutgoingHttpHeaders;
  body?: Buffer;
  /** Sent after the body, as gRPC wants it. */
  trailers?: Readonly<Record<string, string>>;
}

/** What a server does with one path. */
export interface HttpRoute {
  readonly path: string;
  /** True if whatever begins with `path` belongs to it; whole paths go first. */
  readonly prefix?: boolean;
  /** Other methods are answered 405. */
  readonly methods: readonly string[];
  /** Looks at the headers before the body is read; an answer ends the request. */
  check?(request: HttpServerRequest): HttpServerResponse | undefined;
  /** `body` is decompressed and the handler's own. Rejections, and what it throws, go to `fail`. */
  handle(request: HttpServerRequest, body: Buffer, ctx: Context): Promise<HttpServerResponse>;
  /** The answer for a failure of reading, decoding or handling. */
  fail(error: PipelineError, request: HttpServerRequest): HttpServerResponse;
}
