import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { HttpServerConfig } from "./http-config.js";

/** Answers for browsers: headers for a request's origin, and preflights. */
export interface Cors {
  /** Headers to add to an answer; undefined if the origin may not call. */
  headersFor(headers: IncomingHttpHeaders): OutgoingHttpHeaders | undefined;
  /** Headers of the 204 that answers a preflight; undefined if it is none, or not allowed. */
  preflight(method: string, headers: IncomingHttpHeaders): OutgoingHttpHeaders | undefined;
}

const methods = "GET, POST, HEAD";

/** undefined without origins: `allowed_headers` alone mean nothing. */
export function createCors(config: HttpServerConfig["cors"]): Cors | undefined {
  if (!config || config.allowed_origins.length === 0) return undefined;
  const origins = config.allowed_origins.map(wildcard);
  const anyHeader = config.allowed_headers.includes("*");
  const allowed = new Set(config.allowed_headers.map((name) => name.toLowerCase()));

  function headersFor(headers: IncomingHttpHeaders): OutgoingHttpHeaders | undefined {
    const origin = headers.origin;
    if (origin === undefined || !origins.some((pattern) => pattern.test(origin))) return undefined;
    const out: OutgoingHttpHeaders = {
      "access-control-allow-origin": origin,
      "access-control-allow-credentials": "true",
      vary: "Origin",
    };
    if (config && config.exposed_headers.length > 0)
      out["access-control-expose-headers"] = config.exposed_headers.join(", ");
    return out;
  }

  return {
    headersFor,
    preflight(method, headers) {
      const wanted = headers["access-control-request-method"];
      if (method !== "OPTIONS" || wanted === undefined) return undefined;
      const out = headersFor(headers);
      if (!out || !methods.split(", ").includes(wanted)) return undefined;
      const names = (headers["access-control-request-headers"] ?? "")
        .split(",")
        .map((name) => name.trim().toLowerCase())
        .filter(Boolean);
      const simple = new Set(["accept", "accept-language", "content-language", "content-type", "origin"]);
      if (!anyHeader && names.some((name) => !allowed.has(name) && !simple.has(name))) return undefined;
      out["access-control-allow-methods"] = wanted;
      if (names.length > 0) out["access-control-allow-headers"] = names.join(", ");
      if (config.max_age > 0) out["access-control-max-age"] = String(config.max_age);
      return out;
    },
  };
}

function wildcard(pattern: string): RegExp {
  const text = pattern
    .toLowerCase()
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  return new RegExp(`^${text}$`, "i");
}
