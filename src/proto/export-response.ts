import { bytesField, readFields, varintField } from "./small-wire.js";

/** partial_success of an ExportProfilesServiceResponse; both zero = everything was taken. */
export interface PartialSuccess {
  readonly rejectedProfiles: bigint;
  readonly errorMessage: string;
}

const empty = Buffer.alloc(0);

/** ExportProfilesServiceResponse as protobuf; empty bytes for full success. */
export function encodeExportResponse(partial?: PartialSuccess): Buffer {
  if (!partial) return empty;
  const message = partial.errorMessage === "" ? empty : bytesField(2, Buffer.from(partial.errorMessage, "utf8"));
  return bytesField(1, Buffer.concat([varintField(1, partial.rejectedProfiles), message]));
}

/** Reads an ExportProfilesServiceResponse; undefined if the bytes are no such message. */
export function decodeExportResponse(bytes: Buffer): PartialSuccess | undefined {
  let rejectedProfiles = 0n;
  let errorMessage = "";
  let whole = true;
  const outer = readFields(bytes, (field) => {
    if (field.number !== 1 || !field.bytes) return;
    whole = readFields(field.bytes, (inner) => {
      if (inner.number === 1) rejectedProfiles = BigInt.asIntN(64, inner.value);
      else if (inner.number === 2 && inner.bytes) errorMessage = inner.bytes.toString("utf8");
    });
  });
  return outer && whole ? { rejectedProfiles, errorMessage } : undefined;
}

/** The same message as OTLP/JSON. */
export function encodeExportResponseJson(partial?: PartialSuccess): Buffer {
  if (!partial) return Buffer.from("{}");
  const partialSuccess = { rejectedProfiles: partial.rejectedProfiles.toString(), errorMessage: partial.errorMessage };
  return Buffer.from(JSON.stringify({ partialSuccess }));
}

/** Reads the OTLP/JSON form, numbers as text or not, snake_case too; undefined if it is none. */
export function decodeExportResponseJson(bytes: Buffer): PartialSuccess | undefined {
  try {
    const body = JSON.parse(bytes.toString("utf8")) as Record<string, unknown> | null;
    if (typeof body !== "object" || body === null) return undefined;
    const partial = (body.partialSuccess ?? body.partial_success ?? {}) as Record<string, unknown>;
    const rejected = partial.rejectedProfiles ?? partial.rejected_profiles ?? 0;
    const message = partial.errorMessage ?? partial.error_message ?? "";
    return { rejectedProfiles: BigInt(rejected as string | number), errorMessage: String(message) };
  } catch {
    return undefined;
  }
}
