import type { Readable, Writable } from "node:stream";

export const maxLineBytes = 16 * 1024 * 1024;

const newline = 0x0a;

/**
 * Answers each line of `input` that is not blank with one line on `output`, in order. `answer` gets undefined for a line
 * longer than maxLineBytes, whose text is not kept; it returns JSON. Resolves when the input has ended and all is written, or when the
 * reader of the output went away.
 */
export async function answerLines(
  input: Readable,
  output: Writable,
  answer: (line: string | undefined) => string,
): Promise<void> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let gone = false;
  const onError = (): void => {
    gone = true;
  };
  output.on("error", onError);
  const endLine = (): string => {
    const line = pendingBytes > maxLineBytes ? undefined : Buffer.concat(pending).toString("utf8");
    pending = [];
    pendingBytes = 0;
    return line !== undefined && line.trim() === "" ? "" : `${oneLine(answer(line))}\n`;
  };
  const keep = (part: Buffer): void => {
    pendingBytes += part.length;
    if (pendingBytes > maxLineBytes) pending = [];
    else if (part.length > 0) pending.push(part);
  };
  for await (const chunk of input) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : (chunk as Buffer);
    let start = 0;
    let answers = "";
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      keep(bytes.subarray(start, end));
      start = end + 1;
      answers += endLine();
    }
    keep(bytes.subarray(start));
    await write(output, answers);
    if (gone) break;
  }
  if (!gone) await write(output, endLine());
  output.off("error", onError);
}

/** Resolves when there is room for more, or nobody left to read it. */
async function write(output: Writable, text: string): Promise<void> {
  if (text === "" || output.write(text) || output.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      output.off("drain", done);
      output.off("close", done);
      resolve();
    };
    output.on("drain", done);
    output.on("close", done);
  });
}

/** JSON in which nothing is taken for a line end, by readers that know more of them than the newline. */
function oneLine(json: string): string {
  return json.replace(
    /[\u0080-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
