import { Writer } from "../../src/proto/wire.js";

/** A length-delimited field; its content is given as bytes or in hexadecimal. */
export function field(number: number, ...content: (Buffer | string)[]): Buffer {
  const writer = new Writer();
  const parts = content.map((part) => (typeof part === "string" ? Buffer.from(part, "hex") : part));
  writer.lengthDelimited(number, Buffer.concat(parts));
  return writer.copyOut();
}
