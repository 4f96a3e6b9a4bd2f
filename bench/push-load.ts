import { readFileSync } from "node:fs";
import { Agent, createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { multipartBoundary, parseMultipart } from "../receivers/pyroscope/multipart.js";
import { decodePush } from "../receivers/pyroscope/push-request.js";
import { bytesField } from "../src/proto/small-wire.js";

const wire = "test/fixtures/wire";
const path = "/push.v1.PusherService/Push";
/** Profiles of about 5 KB, and Python's, which are of 1 KB in Push as recorded. */
const recordings = [
  "pyroscope-go/0005",
  "pyroscope-go/0008",
  "pyroscope-go/0012",
  "pyroscope-go/0014",
  "pyroscope-nodejs/0003",
  "pyroscope-nodejs/0004",
  "pyroscope-nodejs/0006",
];

/** Requests to push, and the pprofs in them. */
export interface Load {
  readonly bodies: readonly Buffer[];
  /** As latin1, to be looked up. */
  readonly pprofs: ReadonlySet<string>;
}

/** What has come out at the other end. */
export interface Sink {
  readonly port: number;
  readonly pushes: number;
  /** Pushes whose pprof is, byte for byte, one of the load's. */
  readonly same: number;
  close(): void;
}

export function recordedLoad(): Load {
  const pprofs = recordings.map(recordedPprof);
  return {
    bodies: pprofs.map((pprof, i) => pushOf(pprof, i < 4 ? "memory" : "wall")),
    pprofs: new Set(pprofs.map((pprof) => pprof.toString("latin1"))),
  };
}

/** The pprof of a recorded upload to /ingest. */
function recordedPprof(name: string): Buffer {
  const body = readFileSync(`${wire}/${name}.bin`);
  const { headers } = JSON.parse(readFileSync(`${wire}/${name}.json`, "utf8"));
  const boundary = multipartBoundary(headers["content-type"]);
  return boundary === undefined ? body : (parseMultipart(body, boundary).get("profile") as Buffer);
}

function pushOf(pprof: Buffer, name: string): Buffer {
  const labels = {
    __name__: name,
    service_name: "shop.orders",
    region: "eu-west",
    env: "staging",
    version: "1.4.2",
    "process.runtime.name": "go",
    __session_id__: "5dc585e196675a5c",
  };
  const pairs = Object.entries(labels).map(([key, value]) =>
    bytesField(1, Buffer.concat([bytesField(1, Buffer.from(key)), bytesField(2, Buffer.from(value))])),
  );
  return bytesField(1, Buffer.concat([...pairs, bytesField(2, bytesField(1, pprof))]));
}

/** Takes every push, gzip or plain. Port 0 is a free one. */
export async function startSink({ pprofs }: Load, port: number): Promise<Sink> {
  const counts = { pushes: 0, same: 0 };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      const [{ samples }] = decodePush(request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body);
      counts.pushes++;
      if (pprofs.has(samples[0].toString("latin1"))) counts.same++;
      response.writeHead(200, { "content-type": "application/proto", "content-length": 0 }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: portOf(server),
    get pushes() {
      return counts.pushes;
    },
    get same() {
      return counts.same;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function post(agent: Agent, origin: string, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/proto", "content-length": body.length };
    const call = httpRequest(origin + path, { method: "POST", agent, headers }, (answer) => {
      answer.resume();
      answer.on("end", () =>
        answer.statusCode === 200 ? resolve() : reject(new Error(`answered ${answer.statusCode}`)),
      );
    });
    call.on("error", reject);
    call.end(body);
  });
}

/** How a load is pushed. */
export interface Pace {
  /** Each has one push under way. */
  readonly connections: number;
  /** Pushes a second; 0 = as many as get through. */
  readonly rate: number;
}

/** Pushes the load again and again. */
export async function pushAll({ bodies }: Load, origin: string, { connections, rate }: Pace, pushes: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const start = performance.now();
  let begun = 0;
  const workers = Array.from({ length: connections }, async () => {
    while (begun < pushes) {
      const push = begun++;
      const earlyMs = rate > 0 ? start + (1000 * push) / rate - performance.now() : 0;
      if (earlyMs > 0) await sleep(earlyMs);
      await post(agent, origin, bodies[push % bodies.length]);
    }
  });
  await Promise.all(workers);
  agent.destroy();
}
