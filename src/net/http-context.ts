import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Client, type Context, type Metadata, noMetadata } from "../component/context.js";
import { remoteParent } from "../telemetry/trace.js";
import { peerAddress } from "./endpoint.js";
import { HeaderMetadata } from "./header-metadata.js";
import { LazySignal } from "./lazy-signal.js";

/** The context of one request. */
export class RequestContext implements Context {
  readonly deadlineMs = undefined;
  readonly metadata: Metadata;
  readonly client: Client;
  readonly reservation = undefined;
  readonly span: unknown;
  private readonly response: ServerResponse;
  private watched: LazySignal | undefined;

  constructor(message: IncomingMessage, response: ServerResponse, includeMetadata: boolean) {
    this.metadata = includeMetadata ? metadataOf(message) : noMetadata;
    this.client = clientOf(message.socket);
    this.span = remoteParent(message.headers);
    this.response = response;
    // A closed response of HTTP/2 can't be told from one that was sent.
    if (!isHttp1(message)) this.watched = watch(response);
  }

  get gone(): LazySignal {
    this.watched ??= watch(this.response);
    return this.watched;
  }

  get signal(): AbortSignal {
    return this.gone.signal;
  }
}

export function isHttp1(message: IncomingMessage): boolean {
  return message.httpVersionMajor < 2;
}

/** Is aborted when the response can't be sent any more, which may be already. */
function watch(response: ServerResponse): LazySignal {
  const gone = new LazySignal();
  const closed = () => {
    if (!response.writableFinished) gone.abort();
  };
  if (response.destroyed) closed();
  else response.once("close", closed);
  return gone;
}

/** By connection: they send many requests. */
const clients = new WeakMap<Socket, Client>();

function clientOf(socket: Socket): Client {
  let client = clients.get(socket);
  if (!client) {
    const address = peerAddress(socket.remoteAddress, socket.remotePort);
    client = { address, auth: {}, transport: "http" };
    clients.set(socket, client);
  }
  return client;
}

function metadataOf(message: IncomingMessage): Metadata {
  if (isHttp1(message)) return new HeaderMetadata(message.rawHeaders);
  const result = new Map<string, string[]>();
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined && !name.startsWith(":")) result.set(name, typeof value === "string" ? [value] : value);
  }
  return result;
}
