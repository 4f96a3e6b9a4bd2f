import { z } from "zod";
import { duration, secret } from "../component/schema.js";

/** Go's names of the TLS 1.2 suites that are fit for use, with OpenSSL's. TLS 1.3 suites can't be chosen, as in Go. */
const suites: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: "ECDHE-ECDSA-AES128-SHA",
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: "ECDHE-ECDSA-AES256-SHA",
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: "ECDHE-RSA-AES128-SHA",
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: "ECDHE-RSA-AES256-SHA",
};

/** Suites without forward secrecy or with weak ciphers: only with `include_insecure_cipher_suites`. */
const insecureSuites: Readonly<Record<string, string>> = {
  TLS_RSA_WITH_AES_128_CBC_SHA: "AES128-SHA",
  TLS_RSA_WITH_AES_256_CBC_SHA: "AES256-SHA",
  TLS_RSA_WITH_AES_128_CBC_SHA256: "AES128-SHA256",
  TLS_RSA_WITH_AES_128_GCM_SHA256: "AES128-GCM-SHA256",
  TLS_RSA_WITH_AES_256_GCM_SHA384: "AES256-GCM-SHA384",
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: "ECDHE-ECDSA-AES128-SHA256",
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: "ECDHE-RSA-AES128-SHA256",
};

const curves: Readonly<Record<string, string>> = { X25519: "X25519", P256: "P-256", P384: "P-384", P521: "P-521" };

/** TLS 1.3 suites stay on whatever is chosen for 1.2; without them a list of 1.2 suites would turn TLS 1.3 off. */
const tls13Suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/** OpenSSL's cipher string for a list of Go names; undefined (Node's default) for an empty one. */
export function opensslCiphers(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  return [tls13Suites, ...names.map((name) => suites[name] ?? insecureSuites[name])].join(":");
}

/** OpenSSL's curve list for Go names; undefined for an empty list. */
export function opensslCurves(names: readonly string[]): string | undefined {
  return names.length === 0 ? undefined : names.map((name) => curves[name]).join(":");
}

const sharedFields = {
  ca_file: z.string().default("").describe("File with CA certificates to trust (PEM)."),
  ca_pem: z.string().default("").describe("CA certificates to trust, inline (PEM)."),
  cert_file: z.string().default("").describe("File with our certificate chain (PEM)."),
  cert_pem: z.string().default("").describe("Our certificate chain, inline (PEM)."),
  key_file: z.string().default("").describe("File with our private key (PEM)."),
  key_pem: secret().default("").describe("Our private key, inline (PEM)."),
  min_version: z.string().default("1.2").describe("Lowest TLS version: 1.0, 1.1, 1.2 or 1.3."),
  max_version: z.string().default("").describe("Highest TLS version; empty means the highest that is known."),
  cipher_suites: z
    .array(z.string())
    .default([])
    .describe("TLS 1.2 cipher suites by their Go names; empty means the defaults."),
  include_insecure_cipher_suites: z.boolean().default(false).describe("Allow weak suites in cipher_suites."),
  curve_preferences: z.array(z.string()).default([]).describe("Curves to prefer: X25519, P256, P384, P521."),
  reload_interval: duration("0s").describe("Read certificate and key again after this time; 0 means never."),
  include_system_ca_certs_pool: z.boolean().default(false).describe("Trust the system's CAs beside ca_file / ca_pem."),
};

interface SharedTls {
  ca_file: string;
  ca_pem: string;
  cert_file: string;
  cert_pem: string;
  key_file: string;
  key_pem: string;
  min_version: string;
  max_version: string;
  cipher_suites: string[];
  include_insecure_cipher_suites: boolean;
  curve_preferences: string[];
  reload_interval: number;
  include_system_ca_certs_pool: boolean;
}

const versions = ["1.0", "1.1", "1.2", "1.3"];

function checkPair(config: SharedTls, issue: (message: string, key: string) => void): void {
  if (config.ca_file && config.ca_pem)
    issue("provide either a CA file or the PEM-encoded string, but not both", "ca_pem");
  if (config.cert_file && config.cert_pem)
    issue("provide either a certificate file or the PEM-encoded string, but not both", "cert_pem");
  if (config.key_file && config.key_pem)
    issue("provide either a key file or the PEM-encoded string, but not both", "key_pem");
  const hasCert = Boolean(config.cert_file || config.cert_pem);
  const hasKey = Boolean(config.key_file || config.key_pem);
  if (hasCert !== hasKey)
    issue("TLS configuration must include both certificate and key", hasCert ? "cert_file" : "key_file");
}

function checkVersions(config: SharedTls, issue: (message: string, key: string) => void): void {
  const min = versions.indexOf(config.min_version || "1.2");
  const max = config.max_version ? versions.indexOf(config.max_version) : versions.length;
  if (min < 0) issue(`invalid TLS min_version: unsupported TLS version: "${config.min_version}"`, "min_version");
  if (max < 0) issue(`invalid TLS max_version: unsupported TLS version: "${config.max_version}"`, "max_version");
  if (min >= 0 && max >= 0 && min > max) {
    issue("invalid TLS configuration: min_version cannot be greater than max_version", "min_version");
  }
}

function checkNames(config: SharedTls, issue: (message: string, key: string) => void): void {
  for (const name of config.cipher_suites) {
    if (Object.hasOwn(suites, name)) continue;
    if (!Object.hasOwn(insecureSuites, name)) issue(`invalid TLS cipher suite: "${name}"`, "cipher_suites");
    else if (!config.include_insecure_cipher_suites) {
      issue(`TLS cipher suite "${name}" is insecure; set include_insecure_cipher_suites to use it`, "cipher_suites");
    }
  }
  for (const name of config.curve_preferences) {
    if (!Object.hasOwn(curves, name))
      issue(`invalid curve type: "${name}" (expected one of X25519, P256, P384, P521)`, "curve_preferences");
  }
  if (config.reload_interval < 0) issue("reload_interval must not be negative", "reload_interval");
}

function check(config: SharedTls, ctx: z.core.$RefinementCtx): void {
  const issue = (message: string, key: string) => {
    ctx.addIssue({ code: "custom", message, path: [key] });
  };
  checkPair(config, issue);
  checkVersions(config, issue);
  checkNames(config, issue);
}

/** `tls:` of a server; absent means plaintext. */
export const tlsServerSchema = z
  .strictObject({
    ...sharedFields,
    client_ca_file: z.string().default("").describe("File with the CAs of client certificates; turns on mutual TLS."),
    client_ca_file_reload: z.boolean().default(false).describe("Read client_ca_file again when it has changed."),
  })
  .superRefine((config, ctx) => {
    check(config, ctx);
    if (!config.cert_file && !config.cert_pem && !config.key_file && !config.key_pem) {
      ctx.addIssue({ code: "custom", message: "TLS configuration must include both certificate and key" });
    }
  });

/** `tls:` of a client; absent means TLS with the system's CAs. */
export const tlsClientSchema = z
  .strictObject({
    ...sharedFields,
    insecure: z.boolean().default(false).describe("gRPC: no TLS at all. HTTP exporters decide by the URL's scheme."),
    insecure_skip_verify: z.boolean().default(false).describe("Accept any certificate. For tests only."),
    server_name_override: z
      .string()
      .default("")
      .describe("Name to expect in the server's certificate, and to ask for by SNI."),
  })
  .superRefine(check);

export type TlsServerConfig = z.output<typeof tlsServerSchema>;
export type TlsClientConfig = z.output<typeof tlsClientSchema>;
