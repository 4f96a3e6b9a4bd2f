import { readFileSync } from "node:fs";
import { rootCertificates, type SecureContextOptions, type SecureVersion, type TlsOptions } from "node:tls";
import { PipelineError } from "../component/errors.js";
import type { Logger } from "../telemetry/log.js";
import { opensslCiphers, opensslCurves, type TlsClientConfig, type TlsServerConfig } from "./tls-config.js";

/** A client's TLS options for node:tls, node:http2 and undici. */
export type ClientTlsOptions = SecureContextOptions & { rejectUnauthorized: boolean; servername?: string };

/** Certificates read from files, read again when they are due. */
export interface TlsSource<T> {
  /** The options to use now. Throws (kind config) only while nothing was ever read. */
  options(): T;
}

type SharedConfig = Omit<TlsServerConfig, "client_ca_file" | "client_ca_file_reload">;

function readPem(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new PipelineError("config", `failed to load ${what} ${file}: ${(cause as Error).message}`, { cause });
  }
}

function loadShared(config: SharedConfig): SecureContextOptions {
  const ca = config.ca_pem || (config.ca_file ? readPem(config.ca_file, "CA") : "");
  const cert = config.cert_pem || (config.cert_file ? readPem(config.cert_file, "TLS certificate") : undefined);
  const key = config.key_pem || (config.key_file ? readPem(config.key_file, "TLS key") : undefined);
  return {
    ca: ca ? (config.include_system_ca_certs_pool ? [...rootCertificates, ca] : [ca]) : undefined,
    cert,
    key,
    minVersion: `TLSv${config.min_version || "1.2"}` as SecureVersion,
    maxVersion: config.max_version ? (`TLSv${config.max_version}` as SecureVersion) : undefined,
    ciphers: opensslCiphers(config.cipher_suites),
    ecdhCurve: opensslCurves(config.curve_preferences),
  };
}

/** Reads the files of a server's `tls` block. */
export function loadServerTls(config: TlsServerConfig): TlsOptions {
  const options: TlsOptions = loadShared(config);
  if (config.client_ca_file) {
    options.ca = [readPem(config.client_ca_file, "client CA")];
    options.requestCert = true;
    options.rejectUnauthorized = true;
  }
  return options;
}

/** Reads the files of a client's `tls` block. */
export function loadClientTls(config: TlsClientConfig): ClientTlsOptions {
  return {
    ...loadShared(config),
    rejectUnauthorized: !config.insecure_skip_verify,
    ...(config.server_name_override ? { servername: config.server_name_override } : {}),
  };
}

/**
 * Keeps what `load` gave for `intervalMs` (0 = for ever). A later failure keeps the last good material and is logged
 * once until a reload succeeds again.
 */
export function createTlsSource<T>(
  load: () => T,
  intervalMs: number,
  log: Logger,
  now: () => number = () => performance.now(),
): TlsSource<T> {
  let current: T | undefined;
  let loadedAtMs = 0;
  let failing = false;
  return {
    options() {
      if (current !== undefined && (intervalMs <= 0 || now() - loadedAtMs < intervalMs)) return current;
      loadedAtMs = now();
      try {
        current = load();
        failing = false;
      } catch (error) {
        if (current === undefined) throw error;
        if (!failing)
          log.warn("TLS files could not be read again; keeping the ones in use", { error: (error as Error).message });
        failing = true;
      }
      return current;
    },
  };
}

/** How often a server should look for new files: the shorter of its two settings; 0 = never. */
export function serverReloadMs(config: TlsServerConfig): number {
  const clientCaMs = config.client_ca_file && config.client_ca_file_reload ? 1000 : 0;
  if (config.reload_interval === 0 || clientCaMs === 0) return Math.max(config.reload_interval, clientCaMs);
  return Math.min(config.reload_interval, clientCaMs);
}

/** Calls `apply` with fresh options whenever the files are due and have changed. Returns a function that ends it. */
export function watchServerTls(config: TlsServerConfig, log: Logger, apply: (options: TlsOptions) => void): () => void {
  const intervalMs = serverReloadMs(config);
  if (intervalMs <= 0) return () => {};
  let last = fingerprint(loadServerTls(config));
  let failing = false;
  const timer = setInterval(() => {
    try {
      const options = loadServerTls(config);
      const print = fingerprint(options);
      if (print !== last) apply(options);
      last = print;
      failing = false;
    } catch (error) {
      if (!failing)
        log.warn("TLS files could not be read again; keeping the ones in use", { error: (error as Error).message });
      failing = true;
    }
  }, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

function fingerprint(options: TlsOptions): string {
  return JSON.stringify([options.ca, options.cert, options.key]);
}
