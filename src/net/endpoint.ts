import { lookup } from "node:dns/promises";
import { lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";

/** Where a server listens or a client connects to. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** Reads "host:port" (IPv6 in brackets; an empty host means all interfaces). Returns an error text in Go's words otherwise. */
export function parseHostPort(endpoint: string): { host: string; port: number } | string {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(.*)$/.exec(endpoint);
  if (!match) {
    return endpoint.split(":").length > 2
      ? `address ${endpoint}: too many colons in address`
      : `address ${endpoint}: missing port in address`;
  }
  const port = match[3];
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) return `invalid port "${port}"`;
  return { host: match[1] ?? match[2], port: Number(port) };
}

/** "host:port", with brackets where the host has colons. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The address of a socket's other end for logs and ctx.client: "127.0.0.1:5000", "[::1]:5000" or "unix". */
export function peerAddress(host: string | undefined, port: number | undefined): string {
  if (host === undefined || port === undefined) return "unix";
  return formatHostPort(host, port);
}

/** What to give to `listen`: a name becomes one address, IPv4 first (as Go does), so that "localhost" is 127.0.0.1. */
export async function resolveListen(host: string): Promise<string> {
  if (host === "") return "::";
  if (/^[\d.]+$/.test(host) || host.includes(":")) return host;
  const found = await lookup(host, { all: true });
  return (found.find((address) => address.family === 4) ?? found[0]).address;
}

/** Removes a socket that a dead process left; throws when somebody listens on it, or when the file is something else. */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new Error(`listen unix ${path}: the file exists and is no socket`);
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "ECONNREFUSED"));
  });
  if (alive) throw new Error(`listen unix ${path}: address already in use`);
  unlinkSync(path);
}
