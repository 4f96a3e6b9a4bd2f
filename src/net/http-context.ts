import type { IncomingMessage, ServerResponse } from "node:http";
import { type Client, type Context, type Metadata, noMetadata } from "../component/context.js";
import { remoteParent } from "../telemetry/trace.js";
import { peerAddress } from "./endpoint.js";
import { LazySignal } from "./lazy-signal.js";

/** The context of one request. */
export class RequestContext implements Context {
  readonly deadlineMs = undefined;
  readonly metadata: Metadata;
  readonly client: Client;
  readonly reservation = undefined;
  readonly span: unknown;
  private readonly gone = new LazySignal();

  constructor(message: IncomingMessage, response: ServerResponse, includeMetadata: boolean) {
    const { remoteAddress, remotePort } = message.socket;
    this.metadata = includeMetadata ? readMetadata(message) : noMetadata;
    this.client = { address: peerAddress(remoteAddress, remotePort), auth: {}, transport: "http" };
    this.span = remoteParent(message.headers);
    response.once("close", () => {
      if (!response.writableFinished) this.gone.abort();
    });
  }

  get signal(): AbortSignal {
    return this.gone.signal;
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
