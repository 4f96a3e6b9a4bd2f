import type { IncomingMessage } from "node:http";
import { badInput, Code, type PipelineError, retryable } from "../component/errors.js";
import { tooLarge } from "./compression.js";

/** Room that a body takes while it is read; grown as chunks of unknown length arrive. */
export interface BodyRoom {
  /** False when there is none: reading stops. */
  grow(bytes: number): boolean;
}

export interface BodyLimits {
  maxBytes: number;
  room: BodyRoom;
  /** What to reject with when there is no room. */
  noRoom: () => PipelineError;
}

/** The declared length, undefined if there is none (chunked). Node has refused malformed ones before. */
export function contentLength(message: IncomingMessage): number | undefined {
  const text = message.headers["content-length"];
  return text === undefined ? undefined : Number(text);
}

/**
 * Reads a request's body as it was sent. A declared length is checked against the limits before a byte is read, and then
 * read into one buffer of exactly that size. Rejects with 413, 429, or 400 when the client breaks off. What is not read
 * stays unread: the caller answers with `connection: close`.
 */
export function readBody(message: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const declared = contentLength(message);
  if (declared !== undefined && declared > limits.maxBytes) return Promise.reject(tooLarge(limits.maxBytes));
  if (declared !== undefined && !limits.room.grow(declared)) return Promise.reject(limits.noRoom());
  return new Promise((resolve, reject) => {
    const sink = declared === undefined ? growingSink(limits) : exactSink(declared);
    const giveUp = (error: PipelineError) => {
      message.off("data", onData);
      message.off("end", onEnd);
      message.off("close", onClose);
      message.pause();
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      const refused = sink.add(chunk);
      if (refused) giveUp(refused);
    };
    const onEnd = () => {
      // Nothing more comes but this.
      message.off("close", onClose);
      resolve(sink.take());
    };
    const onClose = () => {
      const details = { code: Code.CANCELLED, reason: "cancelled" };
      giveUp(retryable("the client went away before the request was complete", details));
    };
    message.on("data", onData);
    message.on("end", onEnd);
    message.on("close", onClose);
  });
}

interface Sink {
  add(chunk: Buffer): PipelineError | undefined;
  take(): Buffer;
}

/** Bytes of a chunk's buffer that may be kept alive beside the chunk: the head of its request. */
const maxBesideBytes = 4096;

function exactSink(length: number): Sink {
  let body: Buffer | undefined;
  let at = 0;
  return {
    add(chunk) {
      if (at + chunk.length > length) return badInput("request body is longer than its Content-Length");
      if (at === 0 && chunk.length === length && chunk.buffer.byteLength <= length + maxBesideBytes) body = chunk;
      else {
        body ??= Buffer.allocUnsafeSlow(length);
        chunk.copy(body, at);
      }
      at += chunk.length;
      return undefined;
    },
    take: () => body?.subarray(0, at) ?? noBytes,
  };
}

const noBytes = Buffer.alloc(0);

function growingSink(limits: BodyLimits): Sink {
  const chunks: Buffer[] = [];
  let size = 0;
  return {
    add(chunk) {
      size += chunk.length;
      if (size > limits.maxBytes) return tooLarge(limits.maxBytes);
      if (!limits.room.grow(chunk.length)) return limits.noRoom();
      chunks.push(chunk);
      return undefined;
    },
    take: () => (chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size)),
  };
}
