import { badInput, Code, PipelineError } from "../../src/component/errors.js";
import { type Coding, decode } from "../../src/net/compression.js";

/** Flag of the last frame of gRPC-Web, which holds the trailers. */
const trailerFlag = 0x80;

/** Reads the one message of a unary gRPC request: flag, length, content, nothing after. */
export async function openEnvelope(body: Buffer, encoding: string | undefined, maxBytes: number): Promise<Buffer> {
  if (body.length < 5) throw badInput("gRPC: the message is missing");
  if (body.readUInt32BE(1) !== body.length - 5) throw badInput("gRPC: the body is not exactly one message");
  const message = body.subarray(5);
  if (body[0] === 0) return message;
  if (body[0] !== 1) throw badInput("gRPC: unknown flags of a message");
  const coding = encoding ?? "identity";
  if (coding !== "gzip" && coding !== "deflate") {
    throw new PipelineError("permanent", `gRPC: unsupported grpc-encoding "${coding.slice(0, 64)}" (gzip, deflate)`, {
      code: Code.UNIMPLEMENTED,
      reason: "invalid",
    });
  }
  return decode(coding as Coding, message, maxBytes);
}

/** A message of length 0: PushResponse has no fields. */
export const emptyMessage: Buffer = Buffer.alloc(5);

/** Trailers as the last frame of a gRPC-Web body. */
export function trailerFrame(trailers: Readonly<Record<string, string>>): Buffer {
  const text = Object.entries(trailers).map(([name, value]) => `${name}: ${value}\r\n`);
  const content = Buffer.from(text.join(""));
  const head = Buffer.alloc(5);
  head[0] = trailerFlag;
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, content]);
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a grpc-timeout header. */
export function grpcTimeoutMs(text: string): number {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  if (!match) throw badInput("gRPC: grpc-timeout cannot be read");
  return Number(match[1]) * unitMs[match[2]];
}
