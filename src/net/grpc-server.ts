import type { Http2Server, ServerHttp2Session } from "node:http2";
import {
  Metadata as GrpcMetadata,
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  setLogVerbosity,
} from "@grpc/grpc-js";
import type { Context, Metadata } from "../component/context.js";
import { noMetadata } from "../component/context.js";
import { Code, permanent, toPipelineError } from "../component/errors.js";
import type { Settings } from "../component/factory.js";
import { encodeStatus } from "../proto/status.js";
import { formatHostPort, parseHostPort, removeStaleSocket } from "./endpoint.js";
import type { GrpcServerConfig } from "./grpc-config.js";
import { inflateRequestsOurselves } from "./grpc-inflate.js";
import { answerFor } from "./status.js";
import { loadServerTls, watchServerTls } from "./tls.js";
import type { TlsServerConfig } from "./tls-config.js";

/**
 * Answers one call. `body` is the message, decompressed, and the handler's own. Whatever it rejects with becomes a gRPC
 * status by the table of ./status.
 */
export type UnaryHandler = (body: Buffer, ctx: Context) => Promise<Buffer>;

export interface GrpcServer {
  /** Before `start`. `path` as in ":path", e.g. "/package.Service/Method". */
  addUnary(path: string, handler: UnaryHandler): void;
  /** Before `start`. Calls of this method, streams too, are answered UNIMPLEMENTED at once, with this message. */
  addUnimplemented(path: string, message: string): void;
  /** Resolves with the port (0 for a unix socket). */
  start(): Promise<number>;
  /** Refuses new calls, lets those under way finish, and cuts them off after `graceMs`. Idempotent. */
  shutdown(graceMs: number): Promise<void>;
}

/** Node's default of 64 KiB would make a client stop and wait many times in one request. */
export const serverWindowBytes = 16 * 1024 * 1024;

/**
 * grpc-js keeps the request until the call ends. In this box the bytes can be taken away from it, so that a caller that
 * waits for its answer doesn't hold them.
 */
interface Box {
  bytes: Buffer | undefined;
}

const box = (bytes: Buffer): Box => ({ bytes });
const identity = (bytes: Buffer): Buffer => bytes;

/** `create` has no side effects; files are read and ports opened by `start`. */
export function createGrpcServer(config: GrpcServerConfig, settings: Pick<Settings, "log">): GrpcServer {
  // What grpc-js has to say reaches us as errors; its own lines on stderr would break our log's format.
  setLogVerbosity(logVerbosity.NONE);
  inflateRequestsOurselves();
  const server = new Server(serverOptions(config));
  let stopWatching = () => {};
  const sessions = new Set<ServerHttp2Session>();
  let started = false;
  let stopped: Promise<void> | undefined;
  setStreamWindow(server);

  return {
    addUnary(path, handler) {
      server.register(path, wrap(handler, config.include_metadata), identity, box, "unary");
    },
    addUnimplemented(path, details) {
      const refuse = (call: ServerDuplexStream<Box, Buffer>) => {
        call.emit("error", { code: Code.UNIMPLEMENTED, details });
      };
      server.register(path, refuse, identity, box, "bidi");
    },
    async start() {
      const target = await bindTarget(config);
      const credentials = config.tls ? new TlsCredentials(config.tls) : ServerCredentials.createInsecure();
      const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync(target, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
      });
      adoptSessions(server, sessions);
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

function stop(server: Server, sessions: ReadonlySet<ServerHttp2Session>, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      // Without channelz, grpc-js forgets to end sessions here, and then never calls back.
      server.forceShutdown();
      for (const session of sessions) session.destroy();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function serverOptions(config: GrpcServerConfig): Record<string, number> {
  const keepalive = config.keepalive.server_parameters;
  const options: Record<string, number> = {
    "grpc.max_receive_message_length": (config.max_recv_msg_size_mib || 64) * 1024 * 1024,
    "grpc.enable_channelz": 0,
    "grpc.max_connection_idle_ms": keepalive.max_connection_idle || 1_800_000,
    "grpc.keepalive_time_ms": keepalive.time || 7_200_000,
    "grpc.keepalive_timeout_ms": keepalive.timeout || 20_000,
  };
  if (config.max_concurrent_streams > 0) options["grpc.max_concurrent_streams"] = config.max_concurrent_streams;
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

// grpc-js has an option for a client's windows (grpc-node.flow_control_window) but none for a server's. These two reach
// for its private fields, with a test that the windows are really announced.
function setStreamWindow(server: Server): void {
  const common = Reflect.get(server, "commonServerOptions") as { settings?: object } | undefined;
  if (common) common.settings = { ...common.settings, initialWindowSize: serverWindowBytes };
}

function adoptSessions(server: Server, sessions: Set<ServerHttp2Session>): void {
  const listeners = Reflect.get(server, "http2Servers") as Map<Http2Server, unknown> | undefined;
  for (const listener of listeners?.keys() ?? []) {
    listener.on("session", (session: ServerHttp2Session) => {
      sessions.add(session);
      session.once("close", () => sessions.delete(session));
      if (!session.destroyed) session.setLocalWindowSize(serverWindowBytes);
    });
  }
}

function wrap(handler: UnaryHandler, includeMetadata: boolean) {
  return (call: ServerUnaryCall<Box, Buffer>, answer: sendUnaryData<Buffer>): void => {
    const gone = new AbortController();
    let answered = false;
    // grpc-js says "cancelled" after every call, answered ones too.
    call.once("cancelled", () => {
      if (!answered) gone.abort();
    });
    run(handler, call.request, contextOf(call, gone.signal, includeMetadata)).then(
      (reply) => {
        answered = true;
        answer(null, reply);
      },
      (error: unknown) => {
        answered = true;
        answer(serviceError(error));
      },
    );
  };
}

/** Takes the bytes out of the box; a handler that throws at once rejects like any other. */
function run(handler: UnaryHandler, request: Box, ctx: Context): Promise<Buffer> {
  const body = request.bytes as Buffer;
  request.bytes = undefined;
  try {
    return handler(body, ctx);
  } catch (error) {
    return Promise.reject(error);
  }
}

function contextOf(call: ServerUnaryCall<Box, Buffer>, signal: AbortSignal, includeMetadata: boolean): Context {
  const deadline = Number(call.getDeadline());
  const peer = call.getPeer();
  return {
    signal,
    deadlineMs: Number.isFinite(deadline) ? deadline - Date.now() + performance.now() : undefined,
    metadata: includeMetadata ? readMetadata(call.metadata) : noMetadata,
    client: { address: peer === "unknown" ? "unix" : peer, auth: {}, transport: "grpc" },
    reservation: undefined,
    span: undefined,
  };
}

function readMetadata(metadata: GrpcMetadata): Metadata {
  const result = new Map<string, string[]>();
  for (const key of Object.keys(metadata.getMap())) {
    result.set(
      key,
      metadata.get(key).map((value) => (typeof value === "string" ? value : value.toString("base64"))),
    );
  }
  return result;
}

/** The status of a failed call, with RetryInfo where the client may come back. */
function serviceError(caught: unknown): Partial<ServiceError> {
  const answer = answerFor(toPipelineError(caught));
  const metadata = new GrpcMetadata();
  const details = answer.message;
  if (answer.retryAfterMs !== undefined) {
    const status = encodeStatus({ code: answer.code, message: details, retryDelayMs: answer.retryAfterMs });
    metadata.set("grpc-status-details-bin", status);
  }
  return { code: answer.code, details, metadata };
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
