import type { AnyFactory, Factories } from "../component/factory.js";

const providers = ["env", "file", "http", "https", "yaml"];

/** What this build can do, as YAML in the shape of otelcol's `components`, with the stability for profiles. */
export function components(factories: Factories, version: string): string {
  const lines = [
    "buildinfo:",
    "    command: flamepipe",
    "    description: An OpenTelemetry-Collector-style pipeline for continuous-profiling data",
    `    version: ${version}`,
  ];
  for (const kind of ["receivers", "processors", "exporters", "connectors", "extensions"] as const) {
    lines.push(...section(kind, factories[kind]));
  }
  lines.push("providers:");
  for (const scheme of providers) lines.push(`    - scheme: ${scheme}`);
  return `${lines.join("\n")}\n`;
}

function section(kind: string, list: readonly AnyFactory[]): string[] {
  if (list.length === 0) return [`${kind}: []`];
  const lines = [`${kind}:`];
  for (const factory of [...list].sort((a, b) => (a.type < b.type ? -1 : 1))) {
    lines.push(`    - name: ${factory.type}`);
    if (factory.aliases?.length) lines.push(`      deprecated_aliases: [${factory.aliases.join(", ")}]`);
    lines.push(`      summary: ${JSON.stringify(factory.summary)}`);
    lines.push(`      module: ${kind}/${factory.type}`);
    lines.push(...stability(factory));
  }
  return lines;
}

function stability(factory: AnyFactory): string[] {
  const level = factory.stability[0].toUpperCase() + factory.stability.slice(1);
  const subject = {
    receiver: "profiles",
    processor: "profiles",
    exporter: "profiles",
    connector: "profiles-to-profiles",
    extension: "extension",
  };
  return ["      stability:", `        ${subject[factory.kind]}: ${level}`];
}
