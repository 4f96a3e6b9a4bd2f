import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, it } from "node:test";
import zlib from "node:zlib";
import { otlpHttpSchema, profilesUrl } from "../../../exporters/otlp_http/config.js";
import { otlpHttp } from "../../../exporters/otlp_http/index.js";
import { background } from "../../../src/component/context.js";
import type { Exporter } from "../../../src/component/factory.js";
import { Profiles } from "../../../src/pdata/profiles.js";
import { encodeExportResponse } from "../../../src/proto/export-response.js";
import { jsonToProto } from "../../../src/proto/otlp-json.js";
import { encodeStatus } from "../../../src/proto/status.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { host } from "../../contract/components.js";
import { recordingLogger, rejection, settings } from "../../net/support.js";
import { recorded } from "../../receivers/otlp/support.js";

const protobuf = "application/x-protobuf";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

interface Seen {
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** An exporter without queue and retry in front of a backend that answers by `answer`. */
async function start(
  answer: (response: ServerResponse) => void,
  input: object = {},
): Promise<{ exporter: Exporter; seen: Seen[]; lines: string[]; base: string }> {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    seen.push({ url: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks) });
    answer(response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  open.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { log, lines } = recordingLogger();
  const config = otlpHttpSchema.parse({
    endpoint: `${base}/otlp/`,
    retry_on_failure: { enabled: false },
    sending_queue: { enabled: false },
    ...input,
  });
  const exporter = otlpHttp.create(
    { ...settings, id: "otlp_http", kind: "exporter", log, metrics: createMetrics() },
    config,
  );
  await exporter.start(host);
  open.push(() => exporter.shutdown());
  return { exporter, seen, lines, base };
}

const consume = (exporter: Exporter): Promise<void> => exporter.consume(Profiles.parse(recorded()), background);

function respond(status: number, type: string, body: Buffer | string, headers: object = {}) {
  return (response: ServerResponse) => response.writeHead(status, { "content-type": type, ...headers }).end(body);
}

describe("otlp_http exporter", () => {
  it("posts protobuf, gzip by default", async () => {
    const { exporter, seen } = await start(respond(200, protobuf, ""), { headers: { authorization: "Bearer x" } });
    await consume(exporter);
    const [{ url, headers, body }] = seen;
    assert.equal(url, "/otlp/v1development/profiles");
    assert.deepEqual(
      [headers["content-type"], headers["content-encoding"], headers.authorization],
      [protobuf, "gzip", "Bearer x"],
    );
    assert.ok(zlib.gunzipSync(body).equals(recorded()));
  });

  it("posts JSON that means the same", async () => {
    const { exporter, seen } = await start(respond(200, "application/json", "{}"), {
      encoding: "json",
      compression: "none",
    });
    await consume(exporter);
    assert.equal(seen[0].headers["content-type"], "application/json");
    const [sent, given] = [Profiles.parse(jsonToProto(seen[0].body)), Profiles.parse(recorded())];
    assert.deepEqual(
      [sent.sampleCount, sent.resources.map((r) => r.attributes)],
      [given.sampleCount, given.resources.map((r) => r.attributes)],
    );
  });

  it("uses profiles_endpoint as it is", async () => {
    const { exporter, seen, base } = await start(respond(200, protobuf, ""));
    await consume(exporter);
    const config = otlpHttpSchema.parse({ profiles_endpoint: `${base}/own/path?key=1` });
    assert.equal(profilesUrl(config), `${base}/own/path?key=1`);
    assert.equal(seen.length, 1);
  });

  it("tries again only what OTLP lets it, and waits as long as it is told", async () => {
    const outcomes: Record<number, unknown> = {};
    for (const status of [301, 400, 401, 404, 408, 413, 429, 500, 501, 502, 503, 504]) {
      const { exporter } = await start(
        respond(status, "text/plain", "why", { "retry-after": "7", location: "/elsewhere" }),
      );
      const error = await rejection(consume(exporter));
      outcomes[status] = [error.kind, error.httpStatus, error.retryAfterMs];
    }
    const no = (status: number) => ["permanent", status, undefined];
    assert.deepEqual(outcomes, {
      301: ["permanent", undefined, undefined],
      400: no(400),
      401: no(401),
      404: no(404),
      408: no(408),
      413: no(413),
      429: ["retryable", 429, 7000],
      500: no(500),
      501: no(501),
      502: ["retryable", 502, undefined],
      503: ["retryable", 503, 7000],
      504: ["retryable", 504, undefined],
    });
  });

  it("says what the backend said, without the secrets of its URL", async () => {
    const body = encodeStatus({ code: 3, message: "sample 7 is too old", retryDelayMs: undefined });
    const { base } = await start(respond(200, protobuf, ""));
    const target = `${base.replace("http://", "http://user:secret@")}/in?token=secret`;
    const { exporter } = await start(respond(400, protobuf, body));
    const error = await rejection(consume(exporter));
    assert.match(
      error.message,
      /error exporting items, request to http:\/\/127\.0\.0\.1:\d+\/otlp\/v1development\/profiles responded with HTTP Status Code 400, Message=sample 7 is too old/,
    );
    const refusing = await start(respond(400, "text/plain", "no"), {
      profiles_endpoint: target.replace(/:\d+\//, ":1/"),
    });
    assert.doesNotMatch((await rejection(consume(refusing.exporter))).message, /secret/);
  });

  it("logs a partial success and takes other success bodies as they come", async () => {
    const partial = encodeExportResponse({ rejectedProfiles: 2n, errorMessage: "too old" });
    const cases: [string, Buffer | string, boolean][] = [
      [protobuf, partial, true],
      ["application/json", '{"partialSuccess":{"rejectedProfiles":"2"}}', true],
      ["application/json", "{}", false],
      ["text/html", "<p>thanks</p>", false],
    ];
    for (const [type, body, warns] of cases) {
      const { exporter, lines } = await start(respond(200, type, body));
      await consume(exporter);
      assert.equal(lines.includes("warn Partial success response"), warns, `${type} ${body}`);
    }
  });

  it("reads answers that a proxy compressed, and goes by the status of those that it can't", async () => {
    const partial = encodeExportResponse({ rejectedProfiles: 2n, errorMessage: "too old" });
    const status = encodeStatus({ code: 3, message: "sample 7 is too old", retryDelayMs: undefined });
    for (const [coding, zip] of [
      ["gzip", zlib.gzipSync],
      ["deflate", zlib.deflateSync],
    ] as const) {
      const headers = { "content-encoding": coding };
      const taking = await start(respond(200, protobuf, zip(partial), headers));
      await consume(taking.exporter);
      assert.ok(taking.lines.includes("warn Partial success response"), coding);
      const refusing = await start(respond(400, protobuf, zip(status), headers));
      assert.match((await rejection(consume(refusing.exporter))).message, /400, Message=sample 7 is too old$/);
    }
    for (const body of ["no gzip", zlib.gzipSync(Buffer.alloc(1_000_000))]) {
      await consume((await start(respond(200, protobuf, body, { "content-encoding": "gzip" }))).exporter);
    }
  });

  it("treats a success whose body can't be parsed as permanent", async () => {
    for (const [type, body] of [
      [protobuf, "\xff\xff"],
      ["application/json", "{"],
    ]) {
      const { exporter } = await start(respond(200, type, Buffer.from(body, "latin1")));
      assert.equal((await rejection(consume(exporter))).kind, "permanent", type);
    }
  });

  it("gives up after `timeout`", async () => {
    const { exporter } = await start(() => {}, { timeout: "50ms" });
    const error = await rejection(consume(exporter));
    assert.deepEqual([error.kind, error.code], ["retryable", 4]);
  });
});

describe("otlp_http keys", () => {
  const messages = (input: object) => otlpHttpSchema.safeParse(input).error?.issues.map((issue) => issue.message);

  it("have the Collector's defaults, but for gzip's level", () => {
    const config = otlpHttpSchema.parse({ endpoint: "http://x" });
    assert.deepEqual(
      [config.timeout, config.compression, config.compression_params.level, config.encoding],
      [30_000, "gzip", 1, "proto"],
    );
    assert.equal(profilesUrl(config), "http://x/v1development/profiles");
  });

  it("refuse what can't be done", () => {
    assert.deepEqual(messages({}), ["at least one endpoint must be specified"]);
    assert.deepEqual(messages({ traces_endpoint: "http://x" }), [
      "either endpoint or profiles_endpoint must be specified",
    ]);
    assert.deepEqual(messages({ endpoint: "x:4318" }), [
      "endpoint must be a valid URL with http:// or https:// in front",
    ]);
    assert.deepEqual(messages({ endpoint: "http://x", encoding: "yaml" }), [
      "invalid encoding type: yaml (expected proto or json)",
    ]);
  });
});
