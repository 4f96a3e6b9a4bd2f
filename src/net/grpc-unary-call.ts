import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { Metadata as GrpcMetadata } from "@grpc/grpc-js";
import type { Client, Context, Metadata } from "../component/context.js";
import { noMetadata } from "../component/context.js";
import { Code, toPipelineError } from "../component/errors.js";
import { encodeStatus } from "../proto/status.js";
import { remoteParent } from "../telemetry/trace.js";
import { BodyChunks } from "./body-chunks.js";
import { type ByteBudget, overBudget } from "./byte-budget.js";
import { type Coding, decode } from "./compression.js";
import { CallContext } from "./grpc-call-context.js";
import { LazySignal } from "./lazy-signal.js";
import { answerFor } from "./status.js";

/**
 * Answers one call. `body` is the message, decompressed, and the handler's own. Whatever it rejects with becomes a gRPC
 * status by the table of ./status.
 */
export type UnaryHandler = (body: Buffer, ctx: Context) => Promise<Buffer>;

export interface UnaryOptions {
  /** Limit of a message, before and after decompression. */
  readonly maxBytes: number;
  readonly includeMetadata: boolean;
  /** Room for messages, from their first byte until they are answered; undefined = no bound on all of them together. */
  readonly budget: ByteBudget | undefined;
}

const prefixBytes = 5;
const emptyMessage = Buffer.alloc(prefixBytes);
const replyHeaders: OutgoingHttpHeaders = {
  ":status": 200,
  "content-type": "application/grpc+proto",
  "grpc-accept-encoding": "identity,deflate,gzip",
};
const okTrailers: OutgoingHttpHeaders = { "grpc-status": "0" };
const withTrailers = { waitForTrailers: true };

const codings: Readonly<Record<string, Coding>> = { identity: "none", gzip: "gzip", deflate: "deflate" };
const timeoutUnitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
/** Longest delay that a timer takes. */
const maxTimerMs = 2 ** 31 - 1;
/** A message that takes longer to arrive is given up, as an HTTP server's `read_timeout` would. */
const maxReadMs = 300_000;

/**
 * One unary call, from its request headers to its status, on its HTTP/2 stream. grpc-js would make several objects, two
 * copies and a dozen closures for it; this reads one message and writes one. The message is in no scope that waits for
 * the answer: such a scope would keep it alive for as long as the next stage takes.
 */
export class UnaryCall {
  private readonly stream: ServerHttp2Stream;
  private readonly headers: IncomingHttpHeaders;
  private readonly handler: UnaryHandler;
  private readonly options: UnaryOptions;
  private readonly chunks = new BodyChunks();
  /** Of the message, once its prefix is there. */
  private length = -1;
  /** Bytes taken of the budget. */
  private held = 0;
  /** The client has sent all that it will. */
  private isRead = false;
  private isRunning = false;
  private answered = false;
  private isGone = false;
  /** Aborted when the client cancels or its deadline passes before the answer. */
  private readonly gone = new LazySignal();
  private timer: NodeJS.Timeout | undefined;
  private deadlineMs: number | undefined;
  /** From the call's beginning to its deadline. */
  private timeoutMs = Number.POSITIVE_INFINITY;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, handler: UnaryHandler, options: UnaryOptions) {
    this.stream = stream;
    this.headers = headers;
    this.handler = handler;
    this.options = options;
  }

  /** Begins to read. `client` is who calls. */
  serve(client: Client): void {
    const { stream } = this;
    // What went wrong with the stream is told by its "close".
    stream.on("error", () => {});
    stream.on("close", () => this.closed());
    const timeout = this.headers["grpc-timeout"];
    if (typeof timeout === "string" && !this.limit(timeout)) {
      this.fail({ code: Code.INTERNAL, details: `Invalid grpc-timeout value "${timeout.slice(0, 64)}"` });
      return;
    }
    this.failIn(Math.min(this.timeoutMs, maxReadMs));
    stream.on("data", (chunk: Buffer) => this.read(chunk));
    stream.on("end", () => this.ended(client));
  }

  /** Sets the deadline; false for a timeout that cannot be read. */
  private limit(timeout: string): boolean {
    const match = /^(\d{1,8})([HMSmun])$/.exec(timeout);
    if (!match) return false;
    this.timeoutMs = Number(match[1]) * timeoutUnitsMs[match[2]];
    this.deadlineMs = performance.now() + this.timeoutMs;
    return true;
  }

  private failIn(ms: number): void {
    this.timer = setTimeout(
      () => {
        const isDeadline = this.isRead || this.timeoutMs <= maxReadMs;
        const details = isDeadline ? "Deadline exceeded" : "The request took too long to arrive";
        this.fail({ code: Code.DEADLINE_EXCEEDED, details });
        this.abort();
      },
      Math.min(ms, maxTimerMs),
    );
  }

  private read(chunk: Buffer): void {
    if (this.answered) return;
    this.chunks.add(chunk);
    if (this.length < 0) {
      const prefix = this.chunks.peek(prefixBytes);
      if (!prefix) return;
      this.length = prefix.readUInt32BE(1);
      if (this.length > this.options.maxBytes) {
        const details = `Received message larger than max (${this.length} vs ${this.options.maxBytes})`;
        this.fail({ code: Code.RESOURCE_EXHAUSTED, details });
        return;
      }
    }
    const size = this.chunks.size - prefixBytes;
    if (size > this.length) this.refuseShape("more than one request message");
    // What is announced and not sent takes no room.
    else if (!this.hold(size)) this.fail(failureOf(overBudget()));
  }

  /** Takes room for this many bytes in all; false where there is none. */
  private hold(bytes: number): boolean {
    const { budget } = this.options;
    const more = bytes - this.held;
    if (!budget || more <= 0) return true;
    if (!budget.tryAcquire(more)) return false;
    this.held = bytes;
    return true;
  }

  private release(): void {
    this.options.budget?.release(this.held);
    this.held = 0;
  }

  private refuseShape(what: string): void {
    const details = `Received ${what} for unary method ${this.headers[":path"]}`;
    this.fail({ code: Code.UNIMPLEMENTED, details });
  }

  private ended(client: Client): void {
    this.isRead = true;
    if (this.answered || this.isGone) return;
    if (this.timeoutMs > maxReadMs) {
      clearTimeout(this.timer);
      if (this.deadlineMs !== undefined) this.failIn(this.deadlineMs - performance.now());
    }
    if (this.length < 0 || this.chunks.size < this.length + prefixBytes) {
      this.refuseShape("no whole request message");
      return;
    }
    const message = this.chunks.take();
    const body = message.subarray(prefixBytes);
    if (message[0] === 0) this.run(body, client);
    else if (message[0] === 1) this.inflate(body, client);
    else this.fail({ code: Code.INTERNAL, details: `Received a message with the unknown flag ${message[0]}` });
  }

  private inflate(body: Buffer, client: Client): void {
    const { "grpc-encoding": encoding = "identity" } = this.headers;
    const coding = codings[String(encoding)];
    if (coding === undefined) {
      const details = `Received message compressed with unsupported encoding "${String(encoding).slice(0, 64)}"`;
      this.fail({ code: Code.UNIMPLEMENTED, details });
    } else if (coding === "none") {
      const details = "Received a message flagged as compressed, without a grpc-encoding that says how";
      this.fail({ code: Code.INTERNAL, details });
    } else {
      decode(coding, body, this.options.maxBytes).then(
        (inflated) => this.run(inflated, client),
        (error: unknown) => this.fail(failureOf(error)),
      );
    }
  }

  private run(body: Buffer, client: Client): void {
    if (this.answered || this.isGone) return;
    if (!this.hold(body.length)) {
      this.fail(failureOf(overBudget()));
      return;
    }
    this.isRunning = true;
    const metadata = this.options.includeMetadata ? readMetadata(this.headers) : noMetadata;
    this.call(body, new CallContext(this.gone, this.deadlineMs, metadata, client, remoteParent(this.headers))).then(
      (reply) => {
        this.release();
        this.reply(reply);
      },
      (error: unknown) => {
        this.release();
        this.fail(failureOf(error));
      },
    );
  }

  /** A handler that throws at once rejects like any other. */
  private call(body: Buffer, ctx: Context): Promise<Buffer> {
    try {
      return this.handler(body, ctx);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  private reply(message: Buffer): void {
    if (!this.answer()) return;
    const { stream } = this;
    stream.respond(replyHeaders, withTrailers);
    stream.on("wantTrailers", () => stream.sendTrailers(okTrailers));
    stream.end(message.length === 0 ? emptyMessage : framed(message));
  }

  private fail({ code, details, statusBin }: Failure): void {
    if (!this.answer()) return;
    const headers: OutgoingHttpHeaders = { ...replyHeaders, "grpc-status": code, "grpc-message": encodeURI(details) };
    if (statusBin) headers["grpc-status-details-bin"] = statusBin.toString("base64");
    this.stream.respond(headers, { endStream: true });
    this.chunks.clear();
    // A stream lasts until both sides have ended it, and a client that is refused may never do so.
    if (!this.isRead) this.stream.close(constants.NGHTTP2_NO_ERROR);
    this.stream.resume();
  }

  /** True for the first answer, while there is somebody to hear it. */
  private answer(): boolean {
    if (this.answered) return false;
    this.answered = true;
    clearTimeout(this.timer);
    // A handler that runs on holds what it was given.
    if (!this.isRunning) this.release();
    return !this.stream.destroyed && !this.stream.closed;
  }

  private closed(): void {
    clearTimeout(this.timer);
    this.chunks.clear();
    if (this.answered) return;
    if (!this.isRunning) this.release();
    this.abort();
  }

  private abort(): void {
    this.isGone = true;
    this.gone.abort();
  }
}

interface Failure {
  readonly code: number;
  readonly details: string;
  /** A google.rpc.Status with RetryInfo, where the client may come back. */
  readonly statusBin?: Buffer;
}

function failureOf(caught: unknown): Failure {
  const { code, message: details, retryAfterMs } = answerFor(toPipelineError(caught));
  if (retryAfterMs === undefined) return { code, details };
  return { code, details, statusBin: encodeStatus({ code, message: details, retryDelayMs: retryAfterMs }) };
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, prefixBytes);
  return frame;
}

/** What speaks of the call, and not of the data. */
const ownHeaders = ["grpc-timeout", "grpc-encoding", "grpc-accept-encoding", "accept-encoding", "te", "content-type"];

function readMetadata(headers: IncomingHttpHeaders): Metadata {
  const metadata = GrpcMetadata.fromHttp2Headers(headers);
  for (const name of ownHeaders) metadata.remove(name);
  const result = new Map<string, string[]>();
  for (const key of Object.keys(metadata.getMap())) {
    const values = metadata.get(key);
    result.set(
      key,
      values.map((value) => (typeof value === "string" ? value : value.toString("base64"))),
    );
  }
  return result;
}
