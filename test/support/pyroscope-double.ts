import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { decodePprof, decodePush } from "./pprof-oracle.js";

/**
 * Stands in for Pyroscope's PusherService/Push: takes, refuses and stores what the real one does (held against its
 * recorded answers in pyroscope-double.test.ts). It recognises nothing that it has had before, as the real one.
 */
export interface PyroscopeDouble {
  readonly url: string;
  /** Profiles stored, in order. */
  readonly stored: StoredProfile[];
  /** Every push that came, also refused ones. */
  readonly pushes: SeenPush[];
  /** What its flame graphs show: sums by profile type id. */
  totals(): Record<string, bigint>;
  /** Asked before a push is looked at; an answer is given as it is, and nothing is stored. */
  intercept: (push: SeenPush) => Answer | Promise<Answer | undefined> | undefined;
  close(): Promise<void>;
}

export interface SeenPush {
  readonly headers: IncomingMessage["headers"];
  readonly url: string;
  readonly body: Buffer;
  /** Labels of its first series, "" where the body can't be read. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface StoredProfile {
  readonly labels: Readonly<Record<string, string>>;
  /** pprof as it came, plain. */
  readonly pprof: Buffer;
  /** Sums by profile type id. */
  readonly totals: Readonly<Record<string, bigint>>;
}

export interface Answer {
  readonly status: number;
  /** Connect's error code; absent = an empty body. */
  readonly code?: string;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text?: string;
}

class PushError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const invalid = (message: string) => new PushError(400, "invalid_argument", message);

export interface DoubleOptions {
  readonly nowMs?: () => number;
  readonly maxLabels?: number;
}

export async function startPyroscopeDouble(options: DoubleOptions = {}): Promise<PyroscopeDouble> {
  const stored: StoredProfile[] = [];
  const pushes: SeenPush[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const push = seen(request, Buffer.concat(chunks));
    pushes.push(push);
    const answer = (await double.intercept(push)) ?? judge(request, push.body, stored, options);
    const headers: Record<string, string> = { ...answer.headers };
    if (answer.code !== undefined) headers["content-type"] ??= "application/json";
    else if (answer.status === 200) headers["content-type"] ??= "application/proto";
    const { code, message } = answer;
    response
      .writeHead(answer.status, headers)
      .end(code === undefined ? answer.text : JSON.stringify({ code, message }));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const double: PyroscopeDouble = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stored,
    pushes,
    intercept: () => undefined,
    totals() {
      const sums: Record<string, bigint> = {};
      for (const { totals } of stored) {
        for (const [id, value] of Object.entries(totals)) sums[id] = (sums[id] ?? 0n) + value;
      }
      return sums;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return double;
}

function seen(request: IncomingMessage, body: Buffer): SeenPush {
  let labels: Record<string, string> = {};
  try {
    labels = labelsOf(decodePush(body).series[0]?.labels ?? []);
  } catch {
    // Judged later.
  }
  return { headers: request.headers, url: request.url ?? "", body, labels };
}

function labelsOf(pairs: { name: string; value: string }[]): Record<string, string> {
  return Object.fromEntries(pairs.map(({ name, value }) => [name, value]));
}

function judge(request: IncomingMessage, body: Buffer, stored: StoredProfile[], options: DoubleOptions): Answer {
  if (request.url !== "/push.v1.PusherService/Push") return { status: 404, text: "404 page not found" };
  if (request.method !== "POST") return { status: 405 };
  if (request.headers["content-type"]?.toLowerCase() !== "application/proto") return { status: 415 };
  try {
    checkConnectHeaders(request);
    const { series } = parsed(decoded(request, body));
    const samples = series.flatMap((one) => one.samples.map((sample) => ({ labels: one.labels, sample })));
    if (samples.length === 0) throw invalid("no profiles received");
    let first: PushError | undefined;
    for (const { labels, sample } of samples) {
      // One bad series doesn't keep the others out.
      try {
        const profile = storedProfile(labels, sample.raw_profile, options);
        if (profile) stored.push(profile);
      } catch (error) {
        if (!(error instanceof PushError)) throw error;
        first ??= error;
      }
    }
    if (first) throw first;
    return { status: 200 };
  } catch (error) {
    if (!(error instanceof PushError)) throw error;
    return { status: error.status, code: error.code, message: error.message };
  }
}

function checkConnectHeaders({ headers }: IncomingMessage): void {
  if ((headers["connect-protocol-version"] ?? "1") !== "1") throw invalid("Connect-Protocol-Version must be 1");
  const timeout = headers["connect-timeout-ms"];
  if (timeout !== undefined && !/^\d+$/.test(String(timeout))) throw invalid("parse timeout");
  if (Number(timeout ?? 1000) < 5) throw new PushError(504, "deadline_exceeded", "context deadline exceeded");
}

function decoded(request: IncomingMessage, body: Buffer): Buffer {
  const coding = request.headers["content-encoding"] ?? "identity";
  if (coding === "identity") return body;
  if (coding !== "gzip") throw new PushError(501, "unimplemented", `unknown compression "${coding}"`);
  try {
    return gunzipSync(body);
  } catch {
    throw invalid("get decompressor: gzip: invalid header");
  }
}

interface Series {
  labels: { name: string; value: string }[];
  samples: { raw_profile: Buffer }[];
}

function parsed(body: Buffer): { series: Series[] } {
  try {
    return decodePush(body);
  } catch {
    throw invalid("unmarshal message");
  }
}

function storedProfile(pairs: Series["labels"], raw: Buffer, options: DoubleOptions): StoredProfile | undefined {
  const pprof = plain(raw);
  let profile: Any;
  try {
    profile = decodePprof(pprof);
  } catch (error) {
    // The real one decodes first and looks at the text afterwards.
    if (/utf-?8/i.test(String(error))) throw invalid("invalid utf8 string");
    throw new PushError(500, "unknown", String(error));
  }
  checkProfile(profile, pprof.length, options.nowMs?.() ?? Date.now());
  const labels = pairs.map((pair) => ({ ...pair }));
  if (!labels.some(({ name }) => name === "service_name")) {
    labels.push({ name: "service_name", value: "unknown_service" });
  }
  if (profile.sample.length === 0) return undefined;
  checkLabels(labels, options.maxLabels ?? 30);
  const byName = labelsOf(labels);
  byName.__name__ = byName.__name__.replace(/^godeltaprof_/, "");
  return { labels: byName, pprof, totals: shownTotals(profile, byName.__name__) };
}

function plain(raw: Buffer): Buffer {
  if (raw.length === 0) throw new PushError(500, "unknown", "gzip reset: EOF");
  if (raw[0] !== 0x1f || raw[1] !== 0x8b) return raw;
  try {
    return gunzipSync(raw);
  } catch {
    throw new PushError(500, "unknown", "gzip reset: unexpected EOF");
  }
}

function checkLabels(labels: Series["labels"], maxLabels: number): void {
  if (labels.length > maxLabels) throw invalid(`profile series has ${labels.length} label names; limit ${maxLabels}`);
  const names = new Set<string>();
  for (const { name, value } of labels) {
    if (name === "" || name.includes("\ufffd") || value.includes("\ufffd")) throw invalid(`invalid label '${name}'`);
    if (Buffer.byteLength(name) > 1024) throw invalid("label name too long");
    if (Buffer.byteLength(value) > 2048) throw invalid("label value too long");
    if (names.has(name)) throw invalid(`duplicate label name: '${name}'`);
    names.add(name);
  }
  const byName = labelsOf(labels);
  if (!byName.__name__) throw invalid("invalid metric name");
  if (byName.service_name === "") throw invalid("service name is not provided");
}

// biome-ignore lint/suspicious/noExplicitAny: protobufjs objects have the shape of the .proto files
type Any = any;

function checkProfile(profile: Any, bytes: number, nowMs: number): void {
  if (profile.sample_type.length === 0) throw invalid("empty profile");
  const ageMs = nowMs - Number(BigInt(profile.time_nanos) / 1_000_000n);
  if (BigInt(profile.time_nanos) > 0n && (ageMs > 3_600_000 || ageMs < -600_000)) {
    throw invalid("outside of ingestion window");
  }
  if (bytes > 4 * 1024 * 1024) throw invalid("uncompressed profile payload size exceeds limit of 4.2 MB");
  if (profile.sample.length > 16_000) throw invalid("exceeds the samples count limit (max_profile_stacktrace_samples)");
  if (profile.location.some((l: Any) => l.id === "0")) throw invalid("location id is 0");
  if (profile.function.some((f: Any) => f.id === "0")) throw invalid("function id is 0");
  for (const sample of profile.sample) {
    if (sample.label.length > 100) throw invalid("exceeds the sample labels limit");
    if (sample.value.length !== profile.sample_type.length) throw invalid("sample value length mismatch");
  }
  const strings: string[] = profile.string_table;
  if (strings[0] !== "") throw invalid("string 0 should be empty string");
  const indices = profile.function.flatMap((f: Any) => [f.name, f.system_name, f.filename]);
  for (const type of profile.sample_type) {
    indices.push(type.type, type.unit);
    if (strings[Number(type.type)]?.includes("-")) throw invalid("sample type contains -");
  }
  if (indices.some((index: string) => Number(index) >= strings.length)) throw invalid("string index out of range");
  if (strings.some((text) => text.includes("\ufffd"))) throw invalid("invalid utf8 string");
}

/**
 * Sums as a flame graph shows them: samples that refer to nothing, or to a location with neither address nor line, are
 * dropped on receipt; negative values too; stacks without any name are not drawn.
 */
function shownTotals(profile: Any, name: string): Record<string, bigint> {
  const text = (index: string | undefined) => profile.string_table[Number(index ?? 0)] ?? "";
  const functions = new Set(profile.function.map((f: Any) => f.id));
  const mappings = new Set(profile.mapping.map((m: Any) => m.id));
  const locations = new Map<string, { named: boolean }>();
  for (const location of profile.location) {
    if (location.line.length === 0 && location.address === "0") continue;
    if (location.mapping_id !== "0" && !mappings.has(location.mapping_id)) continue;
    if (location.line.some((line: Any) => !functions.has(line.function_id))) continue;
    locations.set(location.id, { named: location.line.length > 0 });
  }
  const totals: Record<string, bigint> = {};
  profile.sample_type.forEach((type: Any, i: number) => {
    const { period_type: period } = profile;
    const id = [name, text(type.type), text(type.unit), text(period?.type), text(period?.unit)].join(":");
    for (const { location_id: ids, value } of profile.sample) {
      const frames = ids.map((location: string) => locations.get(location));
      if (frames.includes(undefined) || (frames.length > 0 && !frames.some((frame: Any) => frame.named))) continue;
      const one = BigInt(value[i]);
      if (one > 0n) totals[id] = (totals[id] ?? 0n) + one;
    }
  });
  return totals;
}
