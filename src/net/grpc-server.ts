import {
  constants,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { logVerbosity, Server, ServerCredentials, type ServerDuplexStream, setLogVerbosity } from "@grpc/grpc-js";
import type { Client } from "../component/context.js";
import { Code, permanent } from "../component/errors.js";
import type { Settings } from "../component/factory.js";
import type { ByteBudget } from "./byte-budget.js";
import { formatHostPort, parseHostPort, removeStaleSocket } from "./endpoint.js";
import type { GrpcServerConfig } from "./grpc-config.js";
import { UnaryCall, type UnaryHandler, type UnaryOptions } from "./grpc-unary-call.js";
import { loadServerTls, watchServerTls } from "./tls.js";
import type { TlsServerConfig } from "./tls-config.js";

export type { UnaryHandler } from "./grpc-unary-call.js";

export interface GrpcServer {
  /**
   * Before `start`. `path` as in ":path", e.g. "/package.Service/Method". Messages for which `budget` has no room are
   * refused RESOURCE_EXHAUSTED with a delay, while they are being read.
   */
  addUnary(path: string, handler: UnaryHandler, budget?: ByteBudget): void;
  /** Before `start`. Calls of this method, streams too, are answered UNIMPLEMENTED at once, with this message; the first is logged. */
  addUnimplemented(path: string, message: string): void;
  /** Resolves with the port (0 for a unix socket). */
  start(): Promise<number>;
  /** Refuses new calls, lets those under way finish, and cuts them off after `graceMs`. Idempotent. */
  shutdown(graceMs: number): Promise<void>;
}

/** Node's default of 64 KiB would make a client stop and wait many times in one request. */
export const serverWindowBytes = 16 * 1024 * 1024;

const grpcType = "application/grpc";

const identity = (bytes: Buffer): Buffer => bytes;

/** `create` has no side effects; files are read and ports opened by `start`. */
export function createGrpcServer(config: GrpcServerConfig, settings: Pick<Settings, "log">): GrpcServer {
  // What grpc-js has to say reaches us as errors; its own lines on stderr would break our log's format.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server(serverOptions(config));
  let stopWatching = () => {};
  /** The sessions that are open, and who is at their other end. */
  const sessions = new Map<ServerHttp2Session, Client>();
  const handlers = new Map<string, { handler: UnaryHandler; options: UnaryOptions }>();
  const limits = { maxBytes: maxMessageBytes(config), includeMetadata: config.include_metadata };
  let started = false;
  let stopped: Promise<void> | undefined;
  setStreamWindow(server);

  return {
    addUnary(path, handler, budget) {
      handlers.set(path, { handler, options: { ...limits, budget } });
    },
    addUnimplemented(path, details) {
      let said = false;
      const refuse = (call: ServerDuplexStream<Buffer, Buffer>) => {
        if (!said) settings.log.warn("Calls that are not served here are refused", { path, answer: details });
        said = true;
        call.emit("error", { code: Code.UNIMPLEMENTED, details });
      };
      server.register(path, refuse, identity, identity, "bidi");
    },
    async start() {
      const target = await bindTarget(config);
      const credentials = config.tls ? new TlsCredentials(config.tls) : ServerCredentials.createInsecure();
      const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync(target, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
      });
      adoptSessions(server, sessions);
      serveOurselves(server, (stream, headers) => {
        const refusal = refusalOf(headers);
        if (refusal) {
          refuse(stream, refusal);
          return true;
        }
        const method = handlers.get(headers[":path"] as string);
        if (!method) return false;
        const client = stream.session && sessions.get(stream.session as ServerHttp2Session);
        new UnaryCall(stream, headers, method.handler, method.options).serve(client ?? unknownClient);
        return true;
      });
      if (config.tls && credentials instanceof TlsCredentials) {
        stopWatching = watchServerTls(config.tls, settings.log, (options) => credentials.update(options));
      }
      started = true;
      return config.transport === "unix" ? 0 : port;
    },
    shutdown(graceMs) {
      stopWatching();
      stopped ??= started ? stop(server, sessions, graceMs) : Promise.resolve(server.forceShutdown());
      return stopped;
    },
  };
}

function stop(server: Server, sessions: ReadonlyMap<ServerHttp2Session, Client>, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      // Without channelz, grpc-js forgets to end sessions here, and then never calls back.
      server.forceShutdown();
      for (const session of sessions.keys()) session.destroy();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function maxMessageBytes(config: GrpcServerConfig): number {
  return (config.max_recv_msg_size_mib || 64) * 1024 * 1024;
}

function serverOptions(config: GrpcServerConfig): Record<string, number> {
  const keepalive = config.keepalive.server_parameters;
  const options: Record<string, number> = {
    "grpc.max_receive_message_length": maxMessageBytes(config),
    "grpc.max_concurrent_streams": config.max_concurrent_streams || 1000,
    "grpc.enable_channelz": 0,
    "grpc.max_connection_idle_ms": keepalive.max_connection_idle || 1_800_000,
    "grpc.keepalive_time_ms": keepalive.time || 7_200_000,
    "grpc.keepalive_timeout_ms": keepalive.timeout || 20_000,
  };
  if (keepalive.max_connection_age > 0) options["grpc.max_connection_age_ms"] = keepalive.max_connection_age;
  if (keepalive.max_connection_age_grace > 0)
    options["grpc.max_connection_age_grace_ms"] = keepalive.max_connection_age_grace;
  return options;
}

async function bindTarget(config: GrpcServerConfig): Promise<string> {
  if (config.transport === "unix") {
    await removeStaleSocket(config.endpoint);
    return `unix:${config.endpoint}`;
  }
  const parsed = parseHostPort(config.endpoint);
  if (typeof parsed === "string") throw new Error(parsed);
  return formatHostPort(parsed.host || "::", parsed.port);
}

// grpc-js has an option for a client's windows (grpc-node.flow_control_window) but none for a server's, and none to leave
// a call to others. The functions below reach for its private fields, with tests that would miss what they do.
function setStreamWindow(server: Server): void {
  const common = Reflect.get(server, "commonServerOptions") as { settings?: object } | undefined;
  if (common) common.settings = { ...common.settings, initialWindowSize: serverWindowBytes };
}

function listenersOf(server: Server): Http2Server[] {
  const listeners = Reflect.get(server, "http2Servers") as Map<Http2Server, unknown> | undefined;
  return [...(listeners?.keys() ?? [])];
}

function adoptSessions(server: Server, sessions: Map<ServerHttp2Session, Client>): void {
  for (const listener of listenersOf(server)) {
    listener.on("session", (session: ServerHttp2Session) => {
      sessions.set(session, clientOf(session));
      session.once("close", () => sessions.delete(session));
      if (!session.destroyed) session.setLocalWindowSize(serverWindowBytes);
    });
  }
}

const unknownClient: Client = { address: "unix", auth: {}, transport: "grpc" };

function clientOf({ socket }: ServerHttp2Session): Client {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined) return unknownClient;
  return { address: `${remoteAddress}:${remotePort}`, auth: {}, transport: "grpc" };
}

/** Calls go to `serve` first; those for which it answers false go to grpc-js. */
function serveOurselves(
  server: Server,
  serve: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean,
): void {
  const noteOpened = Reflect.get(server, "onStreamOpened") as ((stream: ServerHttp2Stream) => void) | undefined;
  for (const listener of listenersOf(server)) {
    const theirs = listener.listeners("stream");
    listener.removeAllListeners("stream");
    listener.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...more: unknown[]) => {
      // It closes connections that are idle, and counts their streams for that.
      if (serve(stream, headers)) noteOpened?.call(server, stream);
      else for (const their of theirs) Reflect.apply(their, listener, [stream, headers, ...more]);
    });
  }
}

/** What to answer a request that is no gRPC, whatever its path. */
function refusalOf(headers: IncomingHttpHeaders): OutgoingHttpHeaders | undefined {
  const { ":method": method, "content-type": type = "" } = headers;
  // "application/grpc-web" is another protocol.
  if (type !== grpcType && !type.startsWith(`${grpcType}+`) && !type.startsWith(`${grpcType};`)) {
    const details = `Content type "${type.slice(0, 64)}" is not ${grpcType}`;
    return { ":status": 415, "grpc-status": Code.INVALID_ARGUMENT, "grpc-message": encodeURI(details) };
  }
  if (method === "POST") return undefined;
  return { ":status": 405, "grpc-status": Code.INTERNAL, "grpc-message": encodeURI("The method of gRPC is POST") };
}

function refuse(stream: ServerHttp2Stream, refusal: OutgoingHttpHeaders): void {
  stream.on("error", () => {});
  stream.respond({ ...refusal, "content-type": grpcType }, { endStream: true });
  // Nobody reads the rest.
  stream.close(constants.NGHTTP2_NO_ERROR);
  stream.resume();
}

/** grpc-js' own TLS credentials know neither versions nor ciphers; these take any option of node:tls. */
class TlsCredentials extends ServerCredentials {
  constructor(config: TlsServerConfig) {
    const { requestCert, rejectUnauthorized, ...context } = loadServerTls(config);
    if (!context.cert) throw permanent("TLS configuration must include both certificate and key");
    super({ requestCert, rejectUnauthorized }, context);
  }

  update(options: ReturnType<typeof loadServerTls>): void {
    const { requestCert: _requestCert, rejectUnauthorized: _rejectUnauthorized, ...context } = options;
    this.updateSecureContextOptions(context);
  }

  _equals(other: ServerCredentials): boolean {
    return other === this;
  }
}
