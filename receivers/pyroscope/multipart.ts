import { badInput } from "../../src/component/errors.js";

const maxParts = 32;
const maxHeaderBytes = 8 * 1024;
const maxBoundaryChars = 200;

const lineEnd = Buffer.from("\r\n");
const headerEnd = Buffer.from("\r\n\r\n");

/** The boundary of a multipart/form-data body; undefined for any other content type. */
export function multipartBoundary(contentType: string | undefined): string | undefined {
  if (!/^multipart\/form-data\s*(;|$)/i.test(contentType ?? "")) return undefined;
  const found = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType ?? "");
  const boundary = found?.[1] ?? found?.[2];
  if (boundary === undefined) throw badInput("multipart: the content type names no boundary");
  if (boundary.length > maxBoundaryChars) throw badInput("multipart: the boundary is too long");
  return boundary;
}

/** The fields of a multipart/form-data body, as slices of it. */
export function parseMultipart(body: Buffer, boundary: string): Map<string, Buffer> {
  const fields = new Map<string, Buffer>();
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  let at = afterDelimiter(body, firstDelimiter(body, delimiter));
  while (at !== undefined) {
    if (fields.size >= maxParts) throw badInput(`multipart: more than ${maxParts} parts`);
    const end = body.indexOf(headerEnd, at - lineEnd.length);
    if (end < 0 || end - at > maxHeaderBytes) throw badInput("multipart: the headers of a part do not end");
    const name = fieldName(body.latin1Slice(at, Math.max(at, end)));
    const start = end + headerEnd.length;
    // A part without content has its delimiter right behind the headers.
    const next = body.indexOf(delimiter, start - lineEnd.length);
    if (next < 0) throw badInput("multipart: cut short, the closing boundary is missing");
    const content = body.subarray(start, Math.max(start, next));
    // Pyroscope takes the first; what the second says would be lost.
    if (fields.get(name)?.equals(content) === false)
      throw badInput(`multipart: the field ${JSON.stringify(name)} comes twice`);
    fields.set(name, content);
    at = afterDelimiter(body, next + delimiter.length);
  }
  return fields;
}

/** Behind the first delimiter; at the very beginning it has no line end in front. */
function firstDelimiter(body: Buffer, delimiter: Buffer): number {
  const bare = delimiter.subarray(lineEnd.length);
  if (body.subarray(0, bare.length).equals(bare)) return bare.length;
  const found = body.indexOf(delimiter);
  if (found < 0) throw badInput("multipart: the boundary does not occur in the body");
  return found + delimiter.length;
}

/** Where the next part's headers begin; undefined behind the last delimiter. */
function afterDelimiter(body: Buffer, at: number): number | undefined {
  if (body.latin1Slice(at, at + 2) === "--") return undefined;
  let end = at;
  while (body[end] === 0x20 || body[end] === 0x09) end++;
  if (body.latin1Slice(end, end + 2) !== "\r\n") throw badInput("multipart: a boundary is followed by something else");
  return end + lineEnd.length;
}

function fieldName(headers: string): string {
  let name: string | undefined;
  for (const line of headers.split("\r\n")) {
    const colon = line.indexOf(":");
    const header = line.slice(0, Math.max(0, colon)).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (header === "content-disposition") name = dispositionName(value);
    else if (header === "content-transfer-encoding" && !/^(binary|7bit|8bit)$/i.test(value))
      throw badInput(`multipart: unsupported Content-Transfer-Encoding ${JSON.stringify(value.slice(0, 64))}`);
  }
  if (name === undefined) throw badInput("multipart: a part has no name");
  return name;
}

function dispositionName(value: string): string | undefined {
  if (!/^form-data\s*(;|$)/i.test(value)) return undefined;
  const found = /;\s*name=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(value);
  return (found?.[1]?.replace(/\\(.)/g, "$1") ?? found?.[2])?.slice(0, 100);
}
