import { isIP } from "node:net";
import type { AttributeAction } from "./action.js";
import type { ContextValues } from "./engine.js";

/** What a request's context must have to be read by `from_context` (src/component's Context has it). */
export interface RequestContext {
  readonly metadata: ReadonlyMap<string, readonly string[]>;
  readonly client: { readonly address: string; readonly auth: Readonly<Record<string, string>> } | undefined;
}

/** True if what the actions do depends on the request, not on the attributes alone. */
export function usesContext(actions: readonly AttributeAction[]): boolean {
  return actions.some((action) => "fromContext" in action && action.fromContext !== "");
}

/** Metadata keys in any case; the address without its port. */
export function contextValuesOf(ctx: RequestContext): ContextValues {
  const auth = ctx.client?.auth;
  return {
    metadata: (key) => ctx.metadata.get(key.toLowerCase()),
    auth: (name) => (auth !== undefined && Object.hasOwn(auth, name) ? auth[name] : undefined),
    address: hostOf(ctx.client?.address ?? ""),
  };
}

/** "127.0.0.1:5000" and "[::1]:5000" without the port; "" for what is no IP address, such as "unix". */
function hostOf(address: string): string {
  if (isIP(address)) return address;
  const host = address.slice(0, Math.max(address.lastIndexOf(":"), 0)).replace(/^\[(.*)\]$/, "$1");
  return isIP(host) ? host : "";
}
