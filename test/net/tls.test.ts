import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls, type PeerCertificate } from "node:tls";
import { createGrpcServer } from "../../src/net/grpc-server.js";
import { createHttpServer, type HttpRoute } from "../../src/net/http-server.js";
import { createTlsSource, loadClientTls, loadServerTls, serverReloadMs } from "../../src/net/tls.js";
import { tlsClientSchema, tlsServerSchema } from "../../src/net/tls-config.js";
import {
  grpcClient,
  grpcServerConfig,
  httpClient,
  httpServerConfig,
  path,
  recordingLogger,
  rejection,
  settings,
  tlsFile,
} from "./support.js";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const pair = { cert_file: tlsFile("server.pem"), key_file: tlsFile("server-key.pem") };
const mutual = { ...pair, client_ca_file: tlsFile("ca.pem") };
const trusting = { ca_file: tlsFile("ca.pem") };
const known = { ...trusting, cert_file: tlsFile("client.pem"), key_file: tlsFile("client-key.pem") };
const stranger = { ...trusting, cert_file: tlsFile("stranger.pem"), key_file: tlsFile("stranger-key.pem") };

async function grpcServer(tls: object): Promise<number> {
  const server = createGrpcServer(grpcServerConfig({ tls }), settings);
  server.addUnary(path, async (body) => body);
  open.push(() => server.shutdown(50));
  return server.start();
}

async function httpServer(tls: object): Promise<number> {
  const route: HttpRoute = {
    path: "/",
    methods: ["POST"],
    handle: async (_request, body) => ({ status: 200, body }),
    fail: () => ({ status: 500 }),
  };
  const server = createHttpServer({ config: httpServerConfig({ tls }), settings, routes: [route] });
  open.push(() => server.shutdown(50));
  return server.start();
}

async function overGrpc(port: number, tls: object, input: object = {}): Promise<string> {
  const client = grpcClient(port, { tls, ...input });
  open.push(() => client.close());
  return (await client.unary({ path, body: [Buffer.from("hi")], timeoutMs: 3000 })).toString();
}

async function overHttp(port: number, tls: object): Promise<string> {
  const client = httpClient(`https://127.0.0.1:${port}`, { tls, compression: "none" });
  open.push(() => client.close());
  return (await client.request({ method: "POST", url: "/", body: Buffer.from("hi"), timeoutMs: 3000 })).body.toString();
}

for (const [name, serve, call] of [
  ["gRPC", grpcServer, overGrpc],
  ["HTTP", httpServer, overHttp],
] as const) {
  describe(`${name} over TLS`, () => {
    it("trusts the CA it is given and nothing else", async () => {
      const port = await serve(pair);
      assert.equal(await call(port, trusting), "hi");
      const error = await rejection(call(port, {}));
      assert.deepEqual([error.kind, error.code], ["retryable", 14]);
      assert.equal(await call(port, { insecure_skip_verify: true }), "hi");
    });

    it("checks the server's name, or the one that overrides it", async () => {
      const port = await serve(pair);
      assert.equal(await call(port, { ...trusting, server_name_override: "backend.test" }), "hi");
      assert.equal(
        (await rejection(call(port, { ...trusting, server_name_override: "other.test" }))).kind,
        "retryable",
      );
    });

    it("lets in only clients with a certificate of its client CA", async () => {
      const port = await serve(mutual);
      assert.equal(await call(port, known), "hi");
      assert.equal((await rejection(call(port, trusting))).kind, "retryable");
      assert.equal((await rejection(call(port, stranger))).kind, "retryable");
    });

    it("keeps to the versions it is told", async () => {
      const port = await serve({ ...pair, min_version: "1.3" });
      assert.equal(await call(port, trusting), "hi");
      assert.equal((await rejection(call(port, { ...trusting, max_version: "1.2" }))).kind, "retryable");
    });

    it("serves a renewed certificate without a restart", async (t) => {
      const dir = mkdtempSync(join(tmpdir(), "flamepipe-"));
      t.after(() => rmSync(dir, { recursive: true }));
      const install = (from: string) => {
        copyFileSync(tlsFile(`${from}-key.pem`), join(dir, "key.pem"));
        copyFileSync(tlsFile(`${from}.pem`), join(dir, "cert.pem"));
      };
      install("server");
      const files = { cert_file: join(dir, "cert.pem"), key_file: join(dir, "key.pem"), reload_interval: "20ms" };
      const port = await serve(files);
      assert.equal(await commonName(port), "flamepipe test server");
      rmSync(join(dir, "cert.pem"));
      await sleep(60);
      assert.equal(await commonName(port), "flamepipe test server");
      install("server2");
      while ((await commonName(port)) !== "flamepipe test server, renewed") await sleep(20);
      assert.equal(await call(port, trusting), "hi");
    });
  });
}

async function commonName(port: number): Promise<string> {
  const ca = readFileSync(tlsFile("ca.pem"));
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: "127.0.0.1", ca, ALPNProtocols: ["h2", "http/1.1"] }, () => {
      const peer: PeerCertificate = socket.getPeerCertificate();
      socket.destroy();
      resolve(String(peer.subject.CN));
    });
    socket.on("error", reject);
  });
}

describe("a gRPC client's scheme", () => {
  it("does not turn TLS off with http://, and forces it with https://", async () => {
    const port = await grpcServer(pair);
    assert.equal(await overGrpc(port, trusting, { endpoint: `http://127.0.0.1:${port}` }), "hi");
    assert.equal(
      await overGrpc(port, { ...trusting, insecure: true }, { endpoint: `https://127.0.0.1:${port}` }),
      "hi",
    );
    assert.equal((await rejection(overGrpc(port, { insecure: true }))).kind, "retryable");
  });
});

describe("tls blocks", () => {
  const serverIssues = (input: object) => tlsServerSchema.safeParse(input).error?.issues.map((issue) => issue.message);
  const clientIssues = (input: object) => tlsClientSchema.safeParse(input).error?.issues.map((issue) => issue.message);

  it("refuse half a pair, both forms of one thing, and impossible versions and names", () => {
    const half = ["TLS configuration must include both certificate and key"];
    assert.deepEqual(serverIssues({}), half);
    assert.deepEqual(serverIssues({ cert_file: "x" }), half);
    assert.deepEqual(clientIssues({ key_pem: "x" }), half);
    assert.equal(clientIssues({}), undefined);
    assert.deepEqual(clientIssues({ ca_file: "x", ca_pem: "y" }), [
      "provide either a CA file or the PEM-encoded string, but not both",
    ]);
    assert.deepEqual(clientIssues({ min_version: "1.4" }), ['invalid TLS min_version: unsupported TLS version: "1.4"']);
    assert.deepEqual(clientIssues({ min_version: "1.3", max_version: "1.2" }), [
      "invalid TLS configuration: min_version cannot be greater than max_version",
    ]);
    assert.deepEqual(clientIssues({ cipher_suites: ["TLS_NO_SUCH"] }), ['invalid TLS cipher suite: "TLS_NO_SUCH"']);
    assert.match(clientIssues({ cipher_suites: ["TLS_RSA_WITH_AES_128_CBC_SHA"] })?.[0] ?? "", /is insecure/);
    assert.match(clientIssues({ curve_preferences: ["P1"] })?.[0] ?? "", /^invalid curve type: "P1"/);
  });

  it("name the file that can't be read", () => {
    assert.throws(() => loadServerTls(tlsServerSchema.parse({ cert_file: "missing.pem", key_file: "x" })), {
      kind: "config",
      message: /^failed to load TLS certificate missing\.pem: /,
    });
    assert.throws(() => loadClientTls(tlsClientSchema.parse({ ca_file: "missing.pem" })), /failed to load CA missing/);
  });

  it("become OpenSSL's names, TLS 1.3 included", () => {
    const suites = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"];
    const options = loadClientTls(
      tlsClientSchema.parse({ cipher_suites: suites, curve_preferences: ["X25519", "P256"] }),
    );
    assert.match(options.ciphers ?? "", /TLS_AES_128_GCM_SHA256.*:ECDHE-RSA-AES128-GCM-SHA256$/);
    assert.equal(options.ecdhCurve, "X25519:P-256");
  });

  it("are read again at the shorter of two intervals", () => {
    const ms = (input: object) => serverReloadMs(tlsServerSchema.parse({ ...mutual, ...input }));
    assert.deepEqual(
      [ms({}), ms({ reload_interval: "5s" }), ms({ client_ca_file_reload: true, reload_interval: "5s" })],
      [0, 5000, 1000],
    );
  });
});

describe("a TLS source", () => {
  it("reads when due, keeps the last good material, and logs a failure once", () => {
    const { log, lines } = recordingLogger();
    let nowMs = 0;
    let broken = false;
    let reads = 0;
    const load = () => {
      if (broken) throw new Error("half written");
      return ++reads;
    };
    const source = createTlsSource(load, 1000, log, () => nowMs);
    const at = (ms: number) => {
      nowMs = ms;
      return source.options();
    };
    assert.deepEqual([at(0), at(999), at(1000)], [1, 1, 2]);
    broken = true;
    assert.deepEqual([at(2000), at(3000)], [2, 2]);
    assert.deepEqual(lines, ["warn TLS files could not be read again; keeping the ones in use"]);
    broken = false;
    assert.equal(at(4000), 3);
    broken = true;
    assert.throws(() => createTlsSource(load, 0, log).options(), /half written/);
  });
});
