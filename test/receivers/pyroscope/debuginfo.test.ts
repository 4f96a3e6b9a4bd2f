import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { createSink } from "../../support/consumers.js";
import { post, send } from "./client.js";
import { startReceiver } from "./setup.js";

const path = "/debuginfo.v1alpha1.DebuginfoService";
const json = { "content-type": "application/json", "x-scope-orgid": "team-a", "x-other": "1" };

test("calls and uploads of debug information reach the configured Pyroscope, and its answers the client", async (t) => {
  const seen: { url?: string; headers: Record<string, unknown>; body: string }[] = [];
  const backend = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    seen.push({ url: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() });
    const status = request.url?.includes("Upload/") ? 412 : 200;
    response.writeHead(status, { "content-type": "application/json", "x-secret": "1" }).end(`{"n":${seen.length}}`);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => backend.once("listening", resolve));
  t.after(() => backend.close());
  const endpoint = `http://127.0.0.1:${(backend.address() as AddressInfo).port}/base`;
  const { port } = await startReceiver(t, createSink(), { debuginfo: { endpoint } });

  const call = await post(port, `${path}/ShouldInitiateUpload`, json, "{}");
  const upload = await post(port, `${path}/Upload/abcd`, { "content-encoding": "gzip" }, gzipSync("ELF"));
  assert.deepEqual([call.status, call.body.toString(), call.headers["x-secret"]], [200, '{"n":1}', undefined]);
  assert.deepEqual([upload.status, upload.body.toString()], [412, '{"n":2}']);
  assert.deepEqual(
    seen.map(({ url, body }) => [url, body]),
    [
      [`/base${path}/ShouldInitiateUpload`, "{}"],
      [`/base${path}/Upload/abcd`, "ELF"],
    ],
  );
  assert.deepEqual([seen[0].headers["x-scope-orgid"], seen[0].headers["x-other"]], ["team-a", undefined]);
  backend.closeAllConnections();
  await new Promise((resolve) => backend.close(resolve));
  const lost = await post(port, `${path}/ShouldInitiateUpload`, json, "{}");
  assert.deepEqual([lost.status, JSON.parse(lost.body.toString()).code], [503, "unavailable"]);
});

test("without `debuginfo` they are unimplemented; /ready is ready", async (t) => {
  const { port } = await startReceiver(t, createSink());
  const call = await post(port, `${path}/ShouldInitiateUpload`, json, "{}");
  assert.deepEqual([call.status, JSON.parse(call.body.toString()).code], [404, "unimplemented"]);
  const ready = await send(port, { method: "GET", url: "/ready", headers: {}, body: Buffer.alloc(0) });
  assert.deepEqual([ready.status, ready.body.toString()], [200, "ready\n"]);
});
