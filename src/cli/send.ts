import { readFile } from "node:fs/promises";
import { Code, toPipelineError } from "../component/errors.js";
import { InvalidProfilesError } from "../pdata/invalid.js";
import { Profiles } from "../pdata/profiles.js";
import { nopLogger } from "../telemetry/log.js";
import { CliError, type CliIo } from "./io.js";
import type { SendOptions } from "./options.js";
import { createOtlpSender, type OtlpSender } from "./otlp-sender.js";

/** Different answers that the summary tells apart. */
const maxReasons = 20;

/** Sends the files and prints what became of them. Resolves with 0 if every request was taken whole, else 1. */
export async function send(files: readonly string[], options: SendOptions, io: CliIo): Promise<number> {
  const sender = await createOtlpSender(options, { log: nopLogger, build: { name: "flamepipe", version: io.version } });
  const requests = await Promise.all(files.map((file) => readRequest(file, options)));
  const tally = createTally();
  let stopped = false;
  const stop = () => {
    stopped = true;
  };
  io.stops.on("SIGINT", stop);
  io.stops.on("SIGTERM", stop);
  const startMs = performance.now();
  try {
    const queue = schedule(requests, options, startMs, () => stopped);
    const workers = Array.from({ length: Math.max(1, options.concurrency) }, () => drain(queue, sender, tally));
    await Promise.all(workers);
  } finally {
    io.stops.removeListener("SIGINT", stop);
    io.stops.removeListener("SIGTERM", stop);
    await sender.close();
  }
  io.stdout.write(tally.summary(sender.target, (performance.now() - startMs) / 1000));
  return tally.allTaken() ? 0 : 1;
}

interface Request {
  readonly body: readonly Buffer[];
  /** Set where the times have to be moved before each sending. */
  readonly profiles: Profiles | undefined;
  /** 0 where the file could not be read as profiles: it is sent all the same, for the receiver to judge. */
  readonly samples: number;
}

async function readRequest(file: string, options: SendOptions): Promise<Request> {
  const bytes = await readFile(file).catch((error: Error) => {
    throw new CliError(`cannot read ${file}: ${error.message}`);
  });
  try {
    const profiles = Profiles.parse(bytes);
    return { body: [bytes], profiles: options.shiftTime ? profiles : undefined, samples: profiles.sampleCount };
  } catch (caught) {
    if (!(caught instanceof InvalidProfilesError)) throw caught;
    if (options.shiftTime)
      throw new CliError(`${file}: times can't be moved, this is no valid request: ${caught.message}`);
    return { body: [bytes], profiles: undefined, samples: 0 };
  }
}

interface Sending {
  readonly body: readonly Buffer[];
  readonly bytes: number;
  readonly samples: number;
}

/** The requests in order, each when it is due; shared by all workers. */
async function* schedule(
  requests: readonly Request[],
  options: SendOptions,
  startMs: number,
  isStopped: () => boolean,
): AsyncGenerator<Sending, undefined> {
  const shift = createShift(requests);
  let sent = 0;
  for (let round = 0; options.repeat === 0 || round < options.repeat; round++) {
    if (options.shiftTime) shift();
    for (const request of requests) {
      if (options.rate > 0) await until(startMs + (sent * 1000) / options.rate, isStopped);
      if (isStopped()) return undefined;
      sent += 1;
      const body = request.profiles?.encode() ?? request.body;
      yield { body, bytes: body.reduce((sum, part) => sum + part.length, 0), samples: request.samples };
    }
  }
  return undefined;
}

/**
 * Each call moves all times by one distance, so that the files keep their distances and the newest profile ends now.
 * What the batches say of their newest time is that of the file, so it is kept here from one call to the next.
 */
function createShift(requests: readonly Request[]): () => void {
  let newest = 0n;
  for (const { profiles } of requests) {
    if (profiles && profiles.newestTimeUnixNano > newest) newest = profiles.newestTimeUnixNano;
  }
  return () => {
    if (newest === 0n) return;
    const now = BigInt(Date.now()) * 1_000_000n;
    for (const { profiles } of requests) {
      for (const resource of profiles?.resources ?? []) {
        for (const scope of resource.scopes) for (const profile of scope.profiles) profile.shiftTime(now - newest);
      }
    }
    newest = now;
  };
}

async function until(dueMs: number, isStopped: () => boolean): Promise<void> {
  // In steps, so that an interrupt need not wait for a slow rate.
  for (let left = dueMs - performance.now(); left > 0 && !isStopped(); left = dueMs - performance.now()) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(left, 200)));
  }
}

async function drain(queue: AsyncGenerator<Sending, undefined>, sender: OtlpSender, tally: Tally): Promise<void> {
  for (let next = await queue.next(); !next.done; next = await queue.next()) {
    const { body, bytes, samples } = next.value;
    try {
      const partial = await sender.send(body);
      const rejected = Number(partial?.rejectedProfiles ?? 0n);
      tally.taken(bytes, samples);
      if (rejected > 0) tally.partial(`${rejected} rejected: ${partial?.errorMessage}`);
      else if (partial?.errorMessage) tally.warned(partial.errorMessage);
    } catch (caught) {
      const error = toPipelineError(caught);
      const status = error.httpStatus === undefined ? codeName(error.code) : `HTTP ${error.httpStatus}`;
      tally.refused(`${status}: ${error.message}`);
    }
  }
}

function codeName(code: number): string {
  return Object.entries(Code).find(([, value]) => value === code)?.[0] ?? `code ${code}`;
}

interface Tally {
  taken(bytes: number, samples: number): void;
  partial(reason: string): void;
  warned(reason: string): void;
  refused(reason: string): void;
  allTaken(): boolean;
  summary(target: string, seconds: number): string;
}

function createTally(): Tally {
  const sent = { requests: 0, bytes: 0, samples: 0 };
  const refused = new Map<string, number>();
  const partial = new Map<string, number>();
  const warned = new Map<string, number>();
  const count = (map: Map<string, number>, reason: string) => {
    const key = map.has(reason) || map.size < maxReasons ? reason : "other reasons";
    map.set(key, (map.get(key) ?? 0) + 1);
  };
  return {
    taken(bytes, samples) {
      sent.requests += 1;
      sent.bytes += bytes;
      sent.samples += samples;
    },
    partial: (reason) => count(partial, reason),
    warned: (reason) => count(warned, reason),
    refused: (reason) => count(refused, reason),
    allTaken: () => refused.size === 0 && partial.size === 0,
    summary(target, seconds) {
      const rate = seconds > 0 ? `, ${(sent.bytes / 1e6 / seconds).toFixed(1)} MB/s` : "";
      const lines = [
        `sent ${sent.requests} requests (${sent.samples} samples, ${sent.bytes} bytes) to ${target} in ${seconds.toFixed(2)} s${rate}`,
        ...listing("refused", refused),
        ...listing("taken in part", partial),
        ...listing("taken with a warning", warned),
      ];
      return `${lines.join("\n")}\n`;
    },
  };
}

function listing(title: string, reasons: ReadonlyMap<string, number>): string[] {
  if (reasons.size === 0) return [];
  const total = [...reasons.values()].reduce((sum, n) => sum + n, 0);
  return [`${title}: ${total} requests`, ...[...reasons].map(([reason, n]) => `  ${n} x ${reason}`)];
}
