import type { IncomingMessage } from "node:http";
import { badInput, Code, type PipelineError, retryable } from "../component/errors.js";
import { BodyChunks, ownChunk } from "./body-chunks.js";
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
  /** Called when the body will be read, for a client that waits to hear so. */
  proceed?: () => void;
}

/** The declared length, undefined if there is none (chunked). Node has refused malformed ones before. */
export function contentLength(message: IncomingMessage): number | undefined {
  const text = message.headers["content-length"];
  return text === undefined ? undefined : Number(text);
}

/** Is told once: of the body, or why there is none. */
export type BodyDone = (error: PipelineError | undefined, body: Buffer) => void;

/**
 * Reads a request's body as it was sent. A declared length is checked against the limits before a byte is read; room and
 * memory are taken for what has arrived, since many can declare much and send nothing. Fails with 413, 429, or 400 when
 * the client breaks off. What is not read stays unread: the caller answers with `connection: close`.
 */
export function readBody(message: IncomingMessage, limits: BodyLimits, done: BodyDone): void {
  const declared = contentLength(message);
  if (declared !== undefined && declared > limits.maxBytes) done(tooLarge(limits.maxBytes), noBytes);
  else if (declared !== undefined && !limits.room.fits(declared)) done(limits.noRoom(), noBytes);
  else {
    limits.proceed?.();
    new BodyReader(message, limits, declared, done);
  }
}

class BodyReader {
  private readonly message: IncomingMessage;
  private readonly limits: BodyLimits;
  private readonly sink: Sink;
  private readonly done: BodyDone;
  private readonly onData = (chunk: Buffer) => {
    const { room, noRoom } = this.limits;
    const refused = room.grow(chunk.length) ? this.sink.add(chunk) : noRoom();
    if (refused) this.giveUp(refused);
  };
  private readonly onEnd = () => {
    // Nothing more comes but this.
    this.message.off("close", this.onClose);
    this.done(undefined, this.sink.take());
  };
  private readonly onClose = () => {
    const details = { code: Code.CANCELLED, reason: "cancelled" };
    this.giveUp(retryable("the client went away before the request was complete", details));
  };

  constructor(message: IncomingMessage, limits: BodyLimits, declared: number | undefined, done: BodyDone) {
    this.message = message;
    this.limits = limits;
    this.sink = declared === undefined ? new GrowingSink(limits.maxBytes) : new ExactSink(declared);
    this.done = done;
    message.on("data", this.onData);
    message.on("end", this.onEnd);
    message.on("close", this.onClose);
  }

  private giveUp(error: PipelineError): void {
    const { message } = this;
    message.off("data", this.onData);
    message.off("end", this.onEnd);
    message.off("close", this.onClose);
    message.pause();
    this.done(error, noBytes);
  }
}

interface Sink {
  add(chunk: Buffer): PipelineError | undefined;
  /** Lets go of it: the reader lives as long as its request. */
  take(): Buffer;
}

/** A body of known length begins with a buffer of this size, which grows fourfold. */
const firstBytes = 16 * 1024;
const noBytes = Buffer.alloc(0);

class ExactSink implements Sink {
  private readonly length: number;
  private body: Buffer = noBytes;
  private at = 0;

  constructor(length: number) {
    this.length = length;
  }

  add(chunk: Buffer): PipelineError | undefined {
    const { length, at } = this;
    const end = at + chunk.length;
    if (end > length) return badInput("request body is longer than its Content-Length");
    if (at === 0 && end === length) this.body = ownChunk(chunk);
    else {
      if (end > this.body.length) this.body = grown(this.body, at, Math.min(length, Math.max(firstBytes, 4 * end)));
      chunk.copy(this.body, at);
    }
    this.at = end;
    return undefined;
  }

  take(): Buffer {
    const { body, at } = this;
    this.body = noBytes;
    return body.length === at ? body : body.subarray(0, at);
  }
}

function grown(body: Buffer, used: number, length: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(length);
  body.copy(larger, 0, 0, used);
  return larger;
}

class GrowingSink implements Sink {
  private readonly maxBytes: number;
  private readonly chunks = new BodyChunks();

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  add(chunk: Buffer): PipelineError | undefined {
    this.chunks.add(chunk);
    return this.chunks.size > this.maxBytes ? tooLarge(this.maxBytes) : undefined;
  }

  take(): Buffer {
    return this.chunks.take();
  }
}
