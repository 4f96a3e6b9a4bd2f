import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { startLoad } from "../../../src/cli/overhead/load.js";
import { freePort } from "../../support/free-port.js";

async function withServer(listener: RequestListener, work: (url: URL) => Promise<void>): Promise<void> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    await work(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** A promise and what resolves it. */
function signal() {
  let fire = () => {};
  const fired = new Promise<void>((resolve) => {
    fire = resolve;
  });
  return { fired, fire: () => fire() };
}

describe("the load", () => {
  it("keeps so many requests under way, and counts those that were answered well", async () => {
    let underWay = 0;
    let most = 0;
    let served = 0;
    const sockets = new Set<unknown>();
    const enough = signal();
    const waiting: (() => void)[] = [];
    const listener: RequestListener = (request, response) => {
      sockets.add(request.socket);
      underWay++;
      most = Math.max(most, underWay);
      waiting.push(() => {
        underWay--;
        served++;
        if (served === 60) enough.fire();
        response.end("x".repeat(100_000));
      });
      // Nobody is answered before all are there.
      if (waiting.length === 3) for (const answer of waiting.splice(0)) answer();
    };
    await withServer(listener, async (url) => {
      const load = startLoad(url, 3);
      load.begin();
      await enough.fired;
      const result = load.end();
      await load.stop();
      assert.ok(result.requests >= 57 && result.requests <= served, `${result.requests} of ${served}`);
      assert.deepEqual([result.failed, result.failure, most, sockets.size], [0, "", 3, 3]);
      assert.ok(result.seconds > 0 && result.p50Ms > 0 && result.p99Ms >= result.p50Ms);
    });
  });

  it("counts what fails apart, with the reason", async () => {
    let served = 0;
    const third = signal();
    const listener: RequestListener = (_, response) => {
      served++;
      if (served === 3) third.fire();
      response.statusCode = served === 1 ? 200 : 503;
      response.end();
    };
    await withServer(listener, async (url) => {
      const load = startLoad(url, 1);
      await third.fired;
      const { requests, failed, failure } = load.end();
      await load.stop();
      assert.deepEqual([requests, failed, failure], [1, 1, "HTTP 503"]);
    });
  });

  it("forgets at `begin` what was before", async () => {
    const second = signal();
    let served = 0;
    const listener: RequestListener = (_, response) => {
      served++;
      if (served === 2) second.fire();
      else response.end();
    };
    await withServer(listener, async (url) => {
      const load = startLoad(url, 1);
      await second.fired;
      assert.equal(load.end().requests, 1);
      load.begin();
      assert.equal(load.end().requests, 0);
      // The request that hangs is broken off.
      await load.stop();
    });
  });

  it("says why there is no answer at all", async () => {
    const port = await freePort();
    const load = startLoad(new URL(`http://127.0.0.1:${port}/`), 1);
    while (load.end().failed === 0) await new Promise((resolve) => setImmediate(resolve));
    const { requests, failure } = load.end();
    await load.stop();
    assert.deepEqual([requests, failure], [0, `connect ECONNREFUSED 127.0.0.1:${port}`]);
  });
});
