import type { IncomingMessage } from "node:http";
import { badInput, Code, type PipelineError, retryable } from "../component/errors.js";
import { BodyChunks } from "./body-chunks.js";
import { tooLarge } from "./compression.js";

/** Room that a body takes while it is read, as much as has arrived of it. */
export interface BodyRoom {
  /** Could so many bytes be taken now? */
  fits(bytes: number): boolean;
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
 * Reads a request's body as it was sent. A declared length is checked against the limits before a byte is read; room and
 * memory are taken for what has arrived, since many can declare much and send nothing. Rejects with 413, 429, or 400 when
 * the client breaks off. What is not read stays unread: the caller answers with `connection: close`.
 */
export function readBody(message: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const declared = contentLength(message);
  if (declared !== undefined && declared > limits.maxBytes) return Promise.reject(tooLarge(limits.maxBytes));
  if (declared !== undefined && !limits.room.fits(declared)) return Promise.reject(limits.noRoom());
  return new Promise((resolve, reject) => {
    const sink = declared === undefined ? growingSink(limits.maxBytes) : exactSink(declared);
    const giveUp = (error: PipelineError) => {
      message.off("data", onData);
      message.off("end", onEnd);
      message.off("close", onClose);
      message.pause();
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      const refused = limits.room.grow(chunk.length) ? sink.add(chunk) : limits.noRoom();
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

/** A body of known length begins with a buffer of this size, which grows fourfold. */
const firstBytes = 16 * 1024;

function exactSink(length: number): Sink {
  let body: Buffer = noBytes;
  let at = 0;
  return {
    add(chunk) {
      const end = at + chunk.length;
      if (end > length) return badInput("request body is longer than its Content-Length");
      if (at === 0 && end === length) body = ownChunk(chunk);
      else {
        if (end > body.length) body = grown(body, at, Math.min(length, Math.max(firstBytes, 4 * end)));
        chunk.copy(body, at);
      }
      at = end;
      return undefined;
    },
    take: () => body.subarray(0, at),
  };
}

const noBytes = Buffer.alloc(0);

function ownChunk(chunk: Buffer): Buffer {
  const chunks = new BodyChunks();
  chunks.add(chunk);
  return chunks.take();
}

function grown(body: Buffer, used: number, length: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(length);
  body.copy(larger, 0, 0, used);
  return larger;
}

function growingSink(maxBytes: number): Sink {
  const chunks = new BodyChunks();
  return {
    add(chunk) {
      chunks.add(chunk);
      return chunks.size > maxBytes ? tooLarge(maxBytes) : undefined;
    },
    take: () => chunks.take(),
  };
}
