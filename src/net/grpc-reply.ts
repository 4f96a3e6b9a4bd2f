import type { IncomingHttpHeaders } from "node:http2";
import { Code, type PipelineError, permanent, retryable } from "../component/errors.js";
import { decodeStatus } from "../proto/status.js";
import { BodyChunks } from "./body-chunks.js";
import { decode } from "./compression.js";
import { codeFromGrpcHttpStatus, errorFromGrpcStatus } from "./status.js";

/** OTLP asks clients to cap what they read. */
export const maxReplyBytes = 4 * 1024 * 1024;
/** grpc-status-details-bin longer than this is not looked at. */
const maxDetailsChars = 64 * 1024;
const maxMessageChars = 4096;

/** Puts a unary reply together from what the stream delivers. */
export interface ReplyReader {
  headers(headers: IncomingHttpHeaders, ended: boolean): void;
  /** Returns an error as soon as the reply is more than may be kept. */
  data(chunk: Buffer): PipelineError | undefined;
  trailers(trailers: IncomingHttpHeaders): void;
  /** Anything came at all. */
  begun(): boolean;
  /** The call's outcome is known (a grpc-status, or an answer that is no gRPC). */
  hasStatus(): boolean;
  /** Nothing more is needed: a failure, or success with its whole message. */
  complete(): boolean;
  /** The reply's message, or the status as an error. */
  finish(): Promise<Buffer>;
}

export function createReplyReader(): ReplyReader {
  let begun = false;
  let status: IncomingHttpHeaders | undefined;
  let foreign: PipelineError | undefined;
  let encoding = "identity";
  const chunks = new BodyChunks();
  let outcome: Promise<Buffer> | undefined;

  return {
    headers(headers, ended) {
      begun = true;
      foreign = notGrpc(headers);
      const named = headers["grpc-encoding"];
      if (typeof named === "string") encoding = named;
      if (ended || headers["grpc-status"] !== undefined) status = headers;
    },
    data(chunk) {
      if (foreign) return foreign;
      chunks.add(chunk);
      if (chunks.size > maxReplyBytes + 5) {
        chunks.clear();
        return permanent(`the reply is larger than ${maxReplyBytes} bytes`, {
          code: Code.RESOURCE_EXHAUSTED,
          reason: "bad_reply",
        });
      }
      return undefined;
    },
    trailers(trailers) {
      status = trailers;
    },
    begun: () => begun,
    hasStatus: () => status !== undefined || foreign !== undefined,
    complete() {
      if (foreign || (status && status["grpc-status"] !== "0")) return true;
      return status !== undefined && chunks.peek(5)?.readUInt32BE(1) === chunks.size - 5;
    },
    finish: () => {
      outcome ??= conclude();
      return outcome;
    },
  };

  async function conclude(): Promise<Buffer> {
    if (foreign) throw foreign;
    const error = statusError(status ?? {});
    if (error) throw error;
    return readMessage(chunks.take(), encoding);
  }
}

/** An HTTP answer without gRPC inside: a proxy's error page, a server of another kind. */
function notGrpc(headers: IncomingHttpHeaders): PipelineError | undefined {
  const http = Number(headers[":status"]);
  const type = headers["content-type"] ?? "";
  if (http === 200 && type.startsWith("application/grpc")) return undefined;
  if (headers["grpc-status"] !== undefined) return undefined;
  if (http === 200) {
    return permanent(`the server answered with content-type "${type.slice(0, 100)}", not gRPC`, {
      code: Code.UNKNOWN,
      reason: "bad_reply",
    });
  }
  return errorFromGrpcStatus(codeFromGrpcHttpStatus(http), `the server answered with HTTP status ${http}`, undefined);
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function statusError(trailers: IncomingHttpHeaders): PipelineError | undefined {
  const text = first(trailers["grpc-status"]);
  if (text === "0") return undefined;
  if (text === undefined) return retryable("the stream ended without a grpc-status", { reason: "bad_reply" });
  const message = percentDecode((first(trailers["grpc-message"]) ?? "").slice(0, maxMessageChars));
  const details = first(trailers["grpc-status-details-bin"]);
  const decoded =
    details !== undefined && details.length <= maxDetailsChars
      ? decodeStatus(Buffer.from(details, "base64"))
      : undefined;
  return errorFromGrpcStatus(/^\d{1,3}$/.test(text) ? Number(text) : Code.UNKNOWN, message, decoded?.retryDelayMs);
}

/** grpc-message is percent-encoded UTF-8; what can't be decoded stays as it is. */
function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Exactly one message: prefix, length, nothing after. */
async function readMessage(bytes: Buffer, encoding: string): Promise<Buffer> {
  if (bytes.length < 5 || bytes.readUInt32BE(1) !== bytes.length - 5) {
    throw permanent("the reply is not exactly one gRPC message", { code: Code.INTERNAL, reason: "bad_reply" });
  }
  const message = bytes.subarray(5);
  // Some servers flag an empty message, which is how success looks mostly, as compressed.
  if (bytes[0] === 0 || (bytes[0] === 1 && message.length === 0)) return message;
  if (bytes[0] !== 1 || (encoding !== "gzip" && encoding !== "deflate")) {
    throw permanent("the reply is compressed in a way that was not asked for", {
      code: Code.INTERNAL,
      reason: "bad_reply",
    });
  }
  try {
    return await decode(encoding, message, maxReplyBytes);
  } catch (cause) {
    throw permanent("the reply cannot be decompressed", { code: Code.INTERNAL, reason: "bad_reply", cause });
  }
}
