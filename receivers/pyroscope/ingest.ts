import { nameAttribute } from "../../src/codec/profile-kinds.js";
import type { Consumer } from "../../src/component/consumer.js";
import type { Context } from "../../src/component/context.js";
import { badInput } from "../../src/component/errors.js";
import type { HttpRoute } from "../../src/net/http-server.js";
import { keyValue, stringValue } from "../../src/pdata/any-value.js";
import type { ValueType } from "../../src/pdata/profiles.js";
import { connectFailure } from "./answer.js";
import { type IngestQuery, readIngestQuery } from "./ingest-query.js";
import { decodingError, RequestBatch, withTenant } from "./intake.js";
import { attributesOf, type Label } from "./labels.js";
import { multipartBoundary, parseMultipart } from "./multipart.js";
import { ingestedName, readDisplayNames } from "./profile-name.js";
import { addRecording } from "./recording.js";
import { addStacks, isStackFormat, type StackFormat, stackTypeOf } from "./stacks.js";

const paths = ["/ingest", "/pyroscope/ingest"];

/** POST /ingest: the way of Pyroscope's older clients. Failures are written as Connect writes them. */
export function ingestRoutes(next: Consumer, maxBytes: number, nowMs: () => number = Date.now): HttpRoute[] {
  const route = {
    methods: ["POST"],
    async handle(request: IngestRequest, body: Buffer, ctx: Context) {
      await readInto(new RequestBatch(maxBytes), request, body, nowMs()).handOnTo(next, withTenant(request, ctx));
      return { status: 200 };
    },
    fail: connectFailure,
  };
  return paths.map((path) => ({ path, ...route }));
}

type IngestRequest = Parameters<HttpRoute["handle"]>[0];

function readInto(batch: RequestBatch, request: IngestRequest, body: Buffer, nowMs: number): RequestBatch {
  const query = readIngestQuery(request.query, nowMs);
  if (body.length === 0) throw badInput("the request has no body");
  const type = request.headers["content-type"];
  try {
    const boundary = multipartBoundary(type);
    const fields = boundary === undefined ? undefined : parseMultipart(body, boundary);
    const format = formatOf(query, type, fields !== undefined);
    if (format === "pprof") addPprof(batch, query, fields ?? new Map([["profile", body]]));
    else if (format === "jfr") addJfr(batch, query, fields ?? new Map([["jfr", body]]));
    else addStackProfile(batch, query, format, fields ? fieldOf(fields, "profile") : body);
  } catch (error) {
    throw decodingError(error);
  }
  return batch;
}

/**
 * The content type says it for two formats, else the `format` parameter does. Anything else is a pprof where the body is a
 * form, and collapsed stacks where it isn't, as in Pyroscope.
 */
function formatOf(
  { format }: IngestQuery,
  contentType: string | undefined,
  isMultipart: boolean,
): "pprof" | "jfr" | StackFormat {
  if (contentType?.startsWith("binary/octet-stream+trie")) return "trie";
  if (contentType?.startsWith("binary/octet-stream+tree")) return "tree";
  if (format === "pprof" || format === "jfr") return format;
  return isStackFormat(format) && format !== "groups" ? format : isMultipart ? "pprof" : "groups";
}

function fieldOf(fields: ReadonlyMap<string, Buffer>, name: string): Buffer {
  const field = fields.get(name);
  if (!field) throw badInput(`multipart: the field "${name}" is missing`);
  return field;
}

function addPprof(batch: RequestBatch, query: IngestQuery, fields: ReadonlyMap<string, Buffer>): void {
  if (fields.get("prev_profile")?.length)
    throw badInput('multipart: the field "prev_profile" is of a client that is too old; update it');
  const names = readDisplayNames(fields.get("sample_type_config"));
  const series = batch.series(attributesOf("", seriesLabels(query, query.app)));
  batch.addPprof(series, fieldOf(fields, "profile"), {
    fallbackTimeUnixNano: query.timeUnixNano,
    attributesFor(types: readonly ValueType[]) {
      const name = ingestedName(
        types.map(({ type }) => type),
        names,
      );
      return name === "" ? [] : [keyValue(nameAttribute, stringValue(name))];
    },
  });
}

function addJfr(batch: RequestBatch, query: IngestQuery, fields: ReadonlyMap<string, Buffer>): void {
  const jfr = fieldOf(fields, "jfr");
  addRecording(batch, query, namedSeriesLabels(query, query.app), jfr, fields.get("labels"));
}

function addStackProfile(batch: RequestBatch, query: IngestQuery, format: StackFormat, body: Buffer): void {
  const { app, type } = stackTypeOf(query);
  const series = batch.series(attributesOf(type.name, namedSeriesLabels(query, app)));
  addStacks(series, format, body, query, type, batch.maxBytes);
}

/** As `seriesLabels`; an application that isn't the service stays as app_name. */
function namedSeriesLabels(query: IngestQuery, app: string): Label[] {
  const all = seriesLabels(query, app);
  const has = (name: string) => query.labels.some(([key]) => key === name);
  return has("service_name") && !has("app_name") ? [...all, ["app_name", app]] : all;
}

/** Values were made delta by the client, and it says who it is. */
function seriesLabels({ labels, spyName }: IngestQuery, app: string): Label[] {
  const all = labels.some(([key]) => key === "service_name")
    ? [...labels]
    : [["service_name", app] as const, ...labels];
  if (labels.some(([key]) => key === "pyroscope_spy")) throw badInput("name: duplicate label name: 'pyroscope_spy'");
  return [...all, ["__delta__", "false"], ["pyroscope_spy", spyName]];
}
