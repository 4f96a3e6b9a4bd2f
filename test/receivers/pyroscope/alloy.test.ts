import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createSink } from "../../support/consumers.js";
import { recordedRequest, send, type WireRequest } from "./client.js";
import { startReceiver, summary } from "./setup.js";

const wire = "test/fixtures/wire";

/** A client's recorded request as Alloy forwards it: the URL and the headers are Alloy's. */
function forwarded(name: string, original: string): WireRequest {
  const { method, url, headers } = JSON.parse(readFileSync(`${wire}/grafana-alloy/forwarded-${name}.json`, "utf8"));
  return { method, url, headers, body: readFileSync(`${wire}/${original}.bin`) };
}

test("what Alloy forwards arrives as the client's own request does, with Alloy's labels beside it", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  for (const [name, original, team] of [
    ["go", "pyroscope-go/0005", "go.orders"],
    ["jfr", "pyroscope-java/0004", "java.stock"],
  ]) {
    for (const request of [recordedRequest(original), forwarded(name, original)]) {
      const reply = await send(port, request);
      assert.equal(reply.status, 200, reply.body.toString());
    }
    const [own, through] = sink.taken.slice(-2).map(({ profiles }) =>
      summary(profiles).map(({ capture: _capture, resource, ...rest }) => ({
        resource: Object.fromEntries(Object.entries(resource).sort()),
        ...rest,
      })),
    );
    assert.ok(own.length >= 2);
    const labels = { cluster: "eu-1", team, ...(name === "jfr" && { app_name: "shop.java.stock" }) };
    assert.deepEqual(
      through,
      own.map(({ resource, ...rest }) => ({
        resource: Object.fromEntries(Object.entries({ ...resource, ...labels }).sort()),
        ...rest,
      })),
    );
  }
});

test("Alloy's tenant and its time are taken over", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const request = recordedRequest("grafana-alloy/scrape-process_cpu");
  const timeoutMs = Number(request.headers["connect-timeout-ms"]);
  assert.ok(timeoutMs > 9000);
  const before = performance.now();
  await send(port, request);
  const after = performance.now();
  const [{ ctx }] = sink.taken;
  assert.deepEqual(ctx.metadata.get("x-scope-orgid"), ["team-a"]);
  const startMs = (ctx.deadlineMs ?? 0) - timeoutMs;
  assert.ok(before <= startMs && startMs <= after, `${before} ${startMs} ${after}`);
});

test("Alloy's calls about debug information pass to the Pyroscope behind byte for byte", async (t) => {
  const seen: [url: string | undefined, type: string | undefined, body: Buffer][] = [];
  const backend = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    seen.push([request.url, request.headers["content-type"], Buffer.concat(chunks)]);
    response.writeHead(200, { "content-type": "application/proto" }).end(Buffer.from([0x08, 1]));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => backend.once("listening", resolve));
  t.after(() => backend.close());
  const endpoint = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
  const { port } = await startReceiver(t, createSink(), { debuginfo: { endpoint } });
  const calls = ["should-initiate-upload", "upload-finished"].map((name) =>
    recordedRequest(`grafana-alloy/debuginfo-${name}`),
  );
  for (const call of calls) {
    const reply = await send(port, call);
    assert.deepEqual(
      [reply.status, reply.headers["content-type"], [...reply.body]],
      [200, "application/proto", [0x08, 1]],
    );
  }
  assert.deepEqual(
    seen,
    calls.map(({ url, body }) => [url, "application/proto", body]),
  );
});
