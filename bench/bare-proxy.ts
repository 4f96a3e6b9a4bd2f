import { createServer, type ServerResponse } from "node:http";
import { gunzipSync } from "node:zlib";
import { Agent } from "undici";
import { decodePush } from "../receivers/pyroscope/push-request.js";

/**
 * What a push costs at the least in Node: node dist/bench/bare-proxy.js PORT TARGET-PORT takes a request, inflates its
 * pprof, answers, and sends the body on. push.js runs it in the place of the collector when it is asked for "bare".
 */
const [port, target] = process.argv.slice(2).map(Number);
const agent = new Agent({ connections: 16 });
const path = "/push.v1.PusherService/Push";
const headers = { "content-type": "application/proto", "connect-protocol-version": "1" };
const maxOpen = 100;
const waiting: (() => void)[] = [];
let open = 0;

function sendOn(body: Buffer): void {
  const done = () => {
    open--;
    waiting.shift()?.();
  };
  const handler = { onRequestStart() {}, onResponseStart() {}, onResponseData() {}, onResponseEnd: done };
  const request = { origin: `http://127.0.0.1:${target}`, path, method: "POST", headers, body } as const;
  agent.dispatch(request, { ...handler, onResponseError: (_controller, error) => Promise.reject(error) });
}

async function take(body: Buffer, response: ServerResponse): Promise<void> {
  for (const { samples } of decodePush(body)) for (const pprof of samples) gunzipSync(pprof);
  while (open >= maxOpen) await new Promise<void>((resolve) => waiting.push(resolve));
  open++;
  response.writeHead(200, { "content-type": "application/proto", "content-length": 0 }).end();
  sendOn(body);
}

createServer((request, response) => {
  if (request.method === "GET") return response.end();
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => take(Buffer.concat(chunks), response));
}).listen(port, "127.0.0.1");
