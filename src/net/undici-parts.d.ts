/** undici's parts, of which it types the index only. */
declare module "undici/lib/dispatcher/agent.js" {
  const agent: typeof import("undici").Agent;
  export = agent;
}

declare module "undici/lib/core/connect.js" {
  const buildConnector: typeof import("undici").buildConnector;
  export = buildConnector;
}
