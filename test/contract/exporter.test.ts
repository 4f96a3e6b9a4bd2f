import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { describe, it } from "node:test";
import { background } from "../../src/component/context.js";
import { PipelineError } from "../../src/component/errors.js";
import type { Exporter } from "../../src/component/factory.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { components, create, host, inputSchema, workingInput } from "./components.js";

const recorded = () => Profiles.parse(readFileSync("test/fixtures/otlp-ebpf/0001.pb"));

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function outcome(exporter: Exporter): Promise<unknown> {
  await exporter.start(host);
  try {
    return await exporter.consume(recorded(), background).then(
      () => "taken",
      (caught) => caught,
    );
  } finally {
    await exporter.shutdown();
  }
}

for (const { factory, folder, name } of components) {
  if (factory.kind !== "exporter") continue;
  const keys = Object.keys((inputSchema(factory).properties ?? {}) as object);
  const direct = Object.fromEntries(
    ["sending_queue", "retry_on_failure"].filter((key) => keys.includes(key)).map((key) => [key, { enabled: false }]),
  );

  describe(name, () => {
    it("refuses data after its shutdown, or takes it where taking means nothing", async () => {
      const exporter: Exporter = create(factory, workingInput(factory, folder), undefined);
      await exporter.start(host);
      await exporter.shutdown();
      const caught = await exporter.consume(recorded(), background).then(
        () => undefined,
        (error) => error,
      );
      if (keys.includes("endpoint")) assert.ok(caught instanceof PipelineError, String(caught));
    });

    if (!keys.includes("endpoint")) {
      it("takes data", async () => {
        assert.equal(await outcome(create(factory, workingInput(factory, folder, direct), undefined)), "taken");
      });
      return;
    }

    const overHttp = String(workingInput(factory, folder).endpoint).startsWith("http");

    it("says that a destination which isn't there may be tried again", async () => {
      const address = `127.0.0.1:${await closedPort()}`;
      const change = overHttp
        ? { ...direct, endpoint: `http://${address}` }
        : { ...direct, endpoint: address, tls: { insecure: true } };
      const caught = await outcome(create(factory, workingInput(factory, folder, change), undefined));
      assert.ok(caught instanceof PipelineError, String(caught));
      assert.equal(caught.kind, "retryable");
    });

    if (!overHttp) return;
    for (const [status, kind] of [
      [400, "permanent"],
      [401, "permanent"],
      [503, "retryable"],
      [429, "retryable"],
    ] as const) {
      it(`keeps what a ${status} means`, async () => {
        const server = createServer((request, response) => {
          request.resume().on("end", () => response.writeHead(status).end());
        }).listen(0, "127.0.0.1");
        await new Promise((resolve) => server.once("listening", resolve));
        const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        const caught = await outcome(
          create(factory, workingInput(factory, folder, { ...direct, endpoint }), undefined),
        );
        server.closeAllConnections();
        server.close();
        assert.ok(caught instanceof PipelineError, String(caught));
        assert.equal(caught.kind, kind);
      });
    }
  });
}
