import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { formatHostPort, parseHostPort, peerAddress, removeStaleSocket, resolveListen } from "./endpoint.js";

export interface StreamServerOptions {
  /** host:port, or a path with transport unix. */
  readonly endpoint: string;
  /** tcp, tcp4, tcp6 or unix. */
  readonly transport: string;
  readonly maxConnections: number;
  /** A connection was turned away: there are `maxConnections`. */
  onTurnedAway(): void;
}

/** Reads one connection to its end; the socket is destroyed when it settles. It must not reject. */
export type StreamHandler = (socket: Socket, peer: string) => Promise<void>;

export interface StreamServer {
  /** Resolves with the port (0 for a unix socket). */
  start(): Promise<number>;
  /** Refuses new connections, cuts off those that are open and waits for their handlers. Idempotent. */
  shutdown(): Promise<void>;
}

/** A server of bare byte streams. `create` has no side effects. */
export function createStreamServer(options: StreamServerOptions, handle: StreamHandler): StreamServer {
  const open = new Map<Socket, Promise<void>>();
  let server: Server | undefined;
  let stopped: Promise<void> | undefined;

  function accept(socket: Socket): void {
    // Whatever fails ends the reading; a reset must not end the process.
    socket.on("error", () => {});
    if (open.size >= options.maxConnections || stopped) {
      options.onTurnedAway();
      socket.destroy();
      return;
    }
    const done = handle(socket, peerAddress(socket.remoteAddress, socket.remotePort)).finally(() => {
      open.delete(socket);
      socket.destroy();
    });
    open.set(socket, done);
  }

  async function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (server?.listening) server.close(() => resolve());
      else resolve();
    });
    const handlers = [...open.values()];
    for (const socket of open.keys()) socket.destroy();
    await Promise.all(handlers);
    await closed;
  }

  return {
    async start() {
      const { endpoint, transport } = options;
      const listening = createServer(accept);
      server = listening;
      const address = transport === "unix" ? await unixAddress(endpoint) : await tcpAddress(endpoint, transport);
      await new Promise<void>((resolve, reject) => {
        listening.once("error", reject);
        listening.listen(address, () => {
          listening.off("error", reject);
          resolve();
        });
      });
      return transport === "unix" ? 0 : (listening.address() as AddressInfo).port;
    },
    shutdown() {
      stopped ??= stop();
      return stopped;
    },
  };
}

async function unixAddress(path: string): Promise<{ path: string }> {
  await removeStaleSocket(path);
  return { path };
}

async function tcpAddress(endpoint: string, transport: string): Promise<{ host: string; port: number }> {
  const parsed = parseHostPort(endpoint);
  if (typeof parsed === "string") throw new Error(parsed);
  const host = await resolveListen(parsed.host === "" && transport === "tcp4" ? "0.0.0.0" : parsed.host);
  if (transport === "tcp4" && host.includes(":"))
    throw new Error(`${formatHostPort(host, parsed.port)} is no IPv4 address`);
  return { host, port: parsed.port };
}
