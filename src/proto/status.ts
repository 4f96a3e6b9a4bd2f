import { bytesField, readFields, varintField } from "./small-wire.js";

/** google.rpc.Status with the one detail that OTLP uses. */
export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  /** RetryInfo.retry_delay; undefined if there is no RetryInfo. */
  readonly retryDelayMs: number | undefined;
}

const retryInfoType = "type.googleapis.com/google.rpc.RetryInfo";

/** google.rpc.Status as protobuf, with RetryInfo where a delay is given. */
export function encodeStatus(status: RpcStatus): Buffer {
  const parts = [varintField(1, status.code), bytesField(2, Buffer.from(status.message, "utf8"))];
  if (status.retryDelayMs !== undefined) {
    const any = Buffer.concat([
      bytesField(1, Buffer.from(retryInfoType)),
      bytesField(2, bytesField(1, encodeDuration(status.retryDelayMs))),
    ]);
    parts.push(bytesField(3, any));
  }
  return Buffer.concat(parts);
}

function encodeDuration(ms: number): Buffer {
  const seconds = Math.floor(ms / 1000);
  return Buffer.concat([varintField(1, seconds), varintField(2, Math.round((ms - seconds * 1000) * 1e6))]);
}

/** Reads google.rpc.Status; undefined if the bytes are no such message. A negative delay counts as 0. */
export function decodeStatus(bytes: Buffer): RpcStatus | undefined {
  let code = 0;
  let message = "";
  let retryDelayMs: number | undefined;
  const whole = readFields(bytes, (field) => {
    if (field.number === 1) code = Number(BigInt.asIntN(32, field.value));
    else if (field.number === 2 && field.bytes) message = field.bytes.toString("utf8");
    else if (field.number === 3 && field.bytes) retryDelayMs = decodeRetryInfo(field.bytes) ?? retryDelayMs;
  });
  return whole ? { code, message, retryDelayMs } : undefined;
}

function decodeRetryInfo(any: Buffer): number | undefined {
  let type = "";
  let value: Buffer = Buffer.alloc(0);
  readFields(any, (field) => {
    if (field.number === 1 && field.bytes) type = field.bytes.toString("utf8");
    else if (field.number === 2 && field.bytes) value = field.bytes;
  });
  if (type !== retryInfoType) return undefined;
  let ms = 0;
  readFields(value, (field) => {
    if (field.number === 1 && field.bytes) ms = decodeDuration(field.bytes);
  });
  return ms;
}

function decodeDuration(bytes: Buffer): number {
  let seconds = 0;
  let nanos = 0;
  readFields(bytes, (field) => {
    if (field.number === 1) seconds = Number(BigInt.asIntN(64, field.value));
    else if (field.number === 2) nanos = Number(BigInt.asIntN(32, field.value));
  });
  return Math.max(0, seconds * 1000 + nanos / 1e6);
}

/** google.rpc.Status as protobuf's JSON, with RetryInfo where a delay is given. */
export function encodeStatusJson(status: RpcStatus): Buffer {
  const details =
    status.retryDelayMs === undefined
      ? undefined
      : [{ "@type": retryInfoType, retryDelay: `${status.retryDelayMs / 1000}s` }];
  return Buffer.from(JSON.stringify({ code: status.code, message: status.message, details }));
}

/** The message of a JSON google.rpc.Status; undefined if the bytes are none. */
export function decodeStatusJson(bytes: Buffer): { code: number; message: string } | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof value !== "object" || value === null) return undefined;
    const { code, message } = value as { code?: unknown; message?: unknown };
    return { code: typeof code === "number" ? code : 0, message: typeof message === "string" ? message : "" };
  } catch {
    return undefined;
  }
}
