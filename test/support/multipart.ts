import { readFileSync } from "node:fs";

/** The parts of a recorded multipart/form-data body, by name. */
export function multipartOf(file: string): Map<string, Buffer> {
  const body = readFileSync(file);
  const boundary = body.subarray(0, body.indexOf("\r\n"));
  const parts = new Map<string, Buffer>();
  for (let at = body.indexOf(boundary); at >= 0; ) {
    const next = body.indexOf(boundary, at + boundary.length);
    if (next < 0) break;
    const headEnd = body.indexOf("\r\n\r\n", at);
    const name = /name="([^"]*)"/.exec(body.toString("latin1", at, headEnd))?.[1] ?? "";
    parts.set(name, body.subarray(headEnd + 4, next - 2));
    at = next;
  }
  return parts;
}
