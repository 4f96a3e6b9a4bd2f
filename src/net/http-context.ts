import type { IncomingMessage, ServerResponse } from "node:http";
import { type Client, type Context, type Metadata, noMetadata } from "../component/context.js";
import { remoteParent } from "../telemetry/trace.js";
import { peerAddress } from "./endpoint.js";

/** The context of one request. Most stages never ask for its signal: it is made for those who do. */
export class RequestContext implements Context {
  readonly deadlineMs = undefined;
  readonly metadata: Metadata;
  readonly client: Client;
  readonly reservation = undefined;
  readonly span: unknown;
  private controller: AbortController | undefined;
  private gone = false;

  constructor(message: IncomingMessage, response: ServerResponse, includeMetadata: boolean) {
    const { remoteAddress, remotePort } = message.socket;
    this.metadata = includeMetadata ? readMetadata(message) : noMetadata;
    this.client = { address: peerAddress(remoteAddress, remotePort), auth: {}, transport: "http" };
    this.span = remoteParent(message.headers);
    response.once("close", () => {
      if (response.writableFinished) return;
      this.gone = true;
      this.controller?.abort();
    });
  }

  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.gone) this.controller.abort();
    }
    return this.controller.signal;
  }
}

export function isHttp1(message: IncomingMessage): boolean {
  return message.httpVersionMajor < 2;
}

function readMetadata(message: IncomingMessage): Metadata {
  const result = new Map<string, string[]>();
  if (isHttp1(message)) {
    const { rawHeaders } = message;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i].toLowerCase();
      const values = result.get(name);
      if (values) values.push(rawHeaders[i + 1]);
      else result.set(name, [rawHeaders[i + 1]]);
    }
    return result;
  }
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined && !name.startsWith(":")) result.set(name, typeof value === "string" ? [value] : value);
  }
  return result;
}
