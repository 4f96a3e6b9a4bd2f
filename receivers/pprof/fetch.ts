import { z } from "zod";
import { gunzip, isGzip } from "../../src/codec/gunzip.js";
import { TooLargeError } from "../../src/codec/invalid.js";
import { badInput, type PipelineError, permanent, toPipelineError } from "../../src/component/errors.js";
import type { Settings } from "../../src/component/factory.js";
import { createHttpClient, type HttpClient, type HttpResponse, httpClientFields } from "../../src/net/http-client.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import type { ScrapeClientConfig } from "./config.js";

/** A client for absolute URLs. */
export interface ScrapeClient {
  get(url: string, limits: { timeoutMs: number; maxBytes: number; signal: AbortSignal }): Promise<HttpResponse>;
  close(): Promise<void>;
}

const defaults = z.strictObject(httpClientFields).parse({});

export function createScrapeClient(config: ScrapeClientConfig, settings: Settings): ScrapeClient {
  const { basic_auth, authorization, bearer_token, ...own } = config;
  const client: HttpClient = createHttpClient({ ...defaults, ...own, compression: "none" }, settings);
  const headers: Record<string, string> = {};
  if (bearer_token !== "") headers.authorization = `Bearer ${bearer_token}`;
  if (authorization) headers.authorization = `${authorization.type} ${authorization.credentials}`;
  if (basic_auth) {
    headers.authorization = `Basic ${Buffer.from(`${basic_auth.username}:${basic_auth.password}`).toString("base64")}`;
  }
  return {
    get: (url, { timeoutMs, maxBytes, signal }) =>
      client.request({ method: "GET", url, headers, timeoutMs, signal, maxResponseBytes: maxBytes }),
    close: () => client.close(),
  };
}

/** net/http/pprof says octet-stream, fgprof nothing, which Go's server takes for gzip, others what is inside. */
const binaryTypes = /^application\/(octet-stream|(x-)?gzip|(x-)?protobuf)\s*(;|$)/i;

/** The pprof in an answer, gzip or plain. Throws a PipelineError that says why it is none. */
export function pprofOf({ status, headers, body, truncated }: HttpResponse, maxBytes: number): Buffer {
  if (status < 200 || status > 299) throw refuse("http_status", `the target answered with HTTP status ${status}`);
  if (truncated) throw refuse("too_large", `the answer is larger than max_body_size (${maxBytes} bytes)`);
  const type = headers["content-type"] ?? "";
  if (!binaryTypes.test(type)) {
    throw refuse("content_type", `the answer is ${type === "" ? "of no type" : type}, not application/octet-stream`);
  }
  const bytes = decoded(body, headers["content-encoding"] ?? "", maxBytes);
  if (bytes.length === 0) throw refuse("empty", "the answer is empty");
  if (!isGzip(bytes) && !looksLikeProtobuf(bytes)) throw refuse("not_pprof", "the answer is no pprof");
  return bytes;
}

function decoded(body: Buffer, coding: string, maxBytes: number): Buffer {
  const name = coding.trim().toLowerCase();
  if (name === "" || name === "identity") return body;
  if (name === "gzip" || name === "x-gzip") return gunzip("answer", body, maxBytes);
  throw refuse("content_encoding", `the answer's content-encoding is ${coding}, which was not asked for`);
}

/** A field of Profile begins: number 1 to 15, a varint or length-delimited. HTML and JSON begin otherwise. */
function looksLikeProtobuf(bytes: Buffer): boolean {
  const type = bytes[0] & 7;
  return bytes[0] >= 8 && bytes[0] < 0x80 && (type === 0 || type === 2) && !/^\s*[<{[]/.test(bytes.latin1Slice(0, 16));
}

function refuse(reason: string, message: string): PipelineError {
  return permanent(message, { reason });
}

/** What a scrape failed with; its `reason` is one of a small set. */
export function scrapeError(caught: unknown): PipelineError {
  if (caught instanceof TooLargeError) return badInput(caught.message, { reason: "too_large", cause: caught });
  if (caught instanceof InvalidProfilesError) return badInput(caught.message, { reason: "not_pprof", cause: caught });
  return toPipelineError(caught);
}
