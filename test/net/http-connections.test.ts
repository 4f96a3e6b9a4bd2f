import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { closeAll, type Seen, send, start, talk } from "./http-rig.js";

afterEach(closeAll);

describe("HTTP requests and their connections", () => {
  it("keeps the connection of a refused request without a body, a browser's preflight among them", async () => {
    const port = await start({ cors: { allowed_origins: ["http://a"] } });
    const preflight =
      "OPTIONS /in HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\nAccess-Control-Request-Method: POST\r\n\r\n";
    const got = "GET /in HTTP/1.1\r\nHost: x\r\n\r\n";
    const last = "POST /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const answers = (await talk(port, preflight + got + last)).match(/HTTP\/1\.1 \d+/g);
    assert.deepEqual(answers, ["HTTP/1.1 204", "HTTP/1.1 405", "HTTP/1.1 404"]);
  });

  it("tells a client that waits to go on, or refuses it before it has sent its body", async () => {
    const seen: Seen[] = [];
    const port = await start({ max_request_body_size: 10 }, seen);
    const ask = (path: string, length: number) =>
      `POST ${path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
    const statuses = async (...writes: string[]) => (await talk(port, ...writes)).match(/HTTP\/1\.1 \d+/g);
    assert.deepEqual(await statuses(ask("/in", 11)), ["HTTP/1.1 413"]);
    assert.deepEqual(await statuses(ask("/other", 2)), ["HTTP/1.1 404"]);
    const closing = "GET /in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const taken = await statuses(ask("/in", 2), "hi", closing);
    assert.deepEqual(taken, ["HTTP/1.1 100", "HTTP/1.1 200", "HTTP/1.1 405"]);
    assert.deepEqual(
      seen.map(({ body }) => body.toString()),
      ["hi"],
    );
  });

  it("understands a whole URL as the target", async () => {
    const seen: Seen[] = [];
    const port = await start({}, seen);
    assert.equal((await send(port, { path: "http://elsewhere:1/in?a=1" })).status, 200);
    assert.deepEqual([seen[0].request.path, seen[0].request.query.get("a")], ["/in", "1"]);
    for (const path of ["http://elsewhere", "ftp://elsewhere/in", "*"]) {
      assert.equal((await send(port, { path })).status, 404, path);
    }
  });
});
