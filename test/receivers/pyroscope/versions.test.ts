import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { createSink } from "../../support/consumers.js";
import { cpuPush, pushHeaders, pushPath, startReceiver } from "./setup.js";

const tlsFile = (name: string) => join("test", "fixtures", "tls", name);

test("a version is recognised however its first bytes are cut", async (t) => {
  const { port } = await startReceiver(t, createSink());
  const answers: string[] = [];
  for (const bytes of [
    Buffer.from("POST /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
    Buffer.from("PUT /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
    // An empty SETTINGS frame follows the preface.
    Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]),
  ]) {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const [answer] = await once(socket, "data");
    answers.push(answer.toString("latin1", 0, 12));
    socket.destroy();
  }
  assert.deepEqual(answers.slice(0, 2), ["HTTP/1.1 405", "HTTP/1.1 405"]);
  // A server's first frame is SETTINGS.
  assert.equal(answers[2].charCodeAt(3), 4);
});

test("a connection that says nothing is closed", async (t) => {
  const { port } = await startReceiver(t, createSink(), { read_header_timeout: "50ms" });
  for (const bytes of ["", "PRI * HT"]) {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.write(bytes);
    socket.resume();
    await once(socket, "close");
  }
});

test("both versions over TLS, chosen by ALPN", async (t) => {
  const sink = createSink();
  const tls = { cert_file: tlsFile("server.pem"), key_file: tlsFile("server-key.pem") };
  const { port } = await startReceiver(t, sink, { tls });
  const insecure = { host: "127.0.0.1", port, rejectUnauthorized: false };
  const first = httpsRequest({ ...insecure, method: "POST", path: pushPath, headers: pushHeaders, agent: false });
  first.end(cpuPush);
  const [answer] = await once(first, "response");
  answer.resume();
  assert.deepEqual([answer.statusCode, answer.httpVersion], [200, "1.1"]);
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  const stream = session.request({ ...pushHeaders, ":method": "POST", ":path": pushPath });
  stream.end(cpuPush);
  const [headers] = await once(stream, "response");
  assert.equal(headers[":status"], 200);
  session.close();
  assert.equal(sink.taken.length, 2);
});

test("shutdown lets a stream under way finish, and doesn't wait for idle connections", async (t) => {
  let release = () => {};
  let begun = () => {};
  const waiting = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const sink = createSink({
    before: () => {
      begun();
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    },
  });
  const receiver = await startReceiver(t, sink);
  const idle = connectHttp2(`http://127.0.0.1:${receiver.port}`);
  await once(idle, "remoteSettings");
  const session = connectHttp2(`http://127.0.0.1:${receiver.port}`);
  const stream = session.request({ ...pushHeaders, ":method": "POST", ":path": pushPath });
  stream.end(cpuPush);
  await waiting;
  const stopped = receiver.shutdown();
  release();
  const [headers] = await once(stream, "response");
  stream.resume();
  assert.equal(headers[":status"], 200);
  const startedMs = performance.now();
  await stopped;
  assert.ok(performance.now() - startedMs < 4000);
  assert.equal(sink.taken.length, 1);
});
