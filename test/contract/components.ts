import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { connectors } from "../../connectors/index.js";
import { exporters } from "../../exporters/index.js";
import { extensions } from "../../extensions/index.js";
import { processors } from "../../processors/index.js";
import { receivers } from "../../receivers/index.js";
import type { AnyFactory, Factories, Kind, Settings } from "../../src/component/factory.js";
import type { Host } from "../../src/component/host.js";
import { nopLogger } from "../../src/telemetry/log.js";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics.js";

type Json = Record<string, unknown>;

export const factories: Factories = { receivers, processors, exporters, connectors, extensions };

/** Everything in the lists, with the folder it has to be in. */
export const components: readonly { factory: AnyFactory; folder: string; name: string }[] = (
  [
    ["receivers", receivers],
    ["processors", processors],
    ["exporters", exporters],
    ["connectors", connectors],
    ["extensions", extensions],
  ] as const
).flatMap(([list, factories]) =>
  factories.map((factory: AnyFactory) => ({
    factory,
    folder: join(list, factory.type),
    name: `${list}/${factory.type}`,
  })),
);

export const listOf: Readonly<Record<Kind, string>> = {
  receiver: "receivers",
  processor: "processors",
  exporter: "exporters",
  connector: "connectors",
  extension: "extensions",
};

/** The JSON schema of what a user may write. */
export function inputSchema(factory: AnyFactory): Json {
  return z.toJSONSchema(factory.schema as z.ZodType, { io: "input", unrepresentable: "any" }) as Json;
}

export function readme(folder: string): string {
  const file = join(folder, "README.md");
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** The component's configurations in the YAML examples of its README. */
export function documentedConfigs(factory: AnyFactory, folder: string): unknown[] {
  const blocks = [...readme(folder).matchAll(/^```ya?ml\n([\s\S]*?)^```/gm)].map(([, text]) => parse(text));
  return blocks.flatMap((block) => {
    const byId = (block?.[listOf[factory.kind]] ?? block ?? {}) as Json;
    return Object.keys(byId)
      .filter((id) => id === factory.type || id.startsWith(`${factory.type}/`))
      .map((id) => byId[id] ?? {});
  });
}

/** Stands for /var/lib in examples. */
const scratch = mkdtempSync(join(tmpdir(), "flamepipe-contract-"));
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));

/**
 * Opens no fixed port, reaches no real host and writes to no real place: every address is on this machine, at a port of
 * the system's choice, and files are in a folder that goes away.
 */
function harmless(value: unknown): unknown {
  if (typeof value === "string") {
    return value
      .replace(/\$\{env:[^}]*:-([^}]*)\}/g, "$1")
      .replace(/\$\{env:[^}]*\}/g, "value")
      .replace(/^\/var\/lib(?=\/)/, scratch)
      .replace(/^(https?:\/\/)?[\w.-]+:\d+/, (_, scheme) => `${scheme ?? ""}127.0.0.1:0`);
  }
  if (Array.isArray(value)) return value.map(harmless);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, harmless(entry)]));
}

/** A configuration that works: the defaults where they suffice, else the README's example; `change` goes on top. */
export function workingInput(factory: AnyFactory, folder: string, change: Json = {}): Json {
  const schema = factory.schema as z.ZodType;
  const candidates = [{}, ...documentedConfigs(factory, folder)];
  const found = candidates.map(harmless).find((candidate) => schema.safeParse(candidate).success);
  if (found === undefined) throw new Error(`${folder}/README.md has no example that its schema accepts`);
  return { ...(found as Json), ...change };
}

/** Makes the component as the graph does; servers get a port of the system's choice. */
export function create(factory: AnyFactory, input: Json, next: unknown, metrics: Metrics = createMetrics()) {
  const parsed = (factory.schema as z.ZodType).parse(input);
  const serves = factory.kind === "receiver" || factory.kind === "extension";
  const config = serves ? harmless(parsed) : parsed;
  const settings: Settings = {
    id: factory.type,
    kind: factory.kind,
    log: nopLogger,
    metrics,
    build: { name: "flamepipe", version: "0.0.0" },
  };
  const make = factory.create as (settings: Settings, config: unknown, next: unknown) => never;
  return make(settings, config, next);
}

export const host: Host = { extension: () => undefined, report() {}, parseYaml: JSON.parse };
