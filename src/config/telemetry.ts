import { conform } from "./conform.js";
import { reportIssues, sectionScope, validate } from "./diagnose.js";
import { deepestNode, type Node } from "./node.js";
import type { Position, ProblemList } from "./problem.js";
import { type TelemetryInput, telemetrySchema } from "./telemetry-schema.js";

/** service.telemetry with its defaults. */
export interface TelemetryConfig {
  readonly logs: TelemetryInput["logs"];
  readonly metrics: MetricsConfig;
  readonly traces: TelemetryInput["traces"];
  /** Attributes by name; null removes one that would be set by default. */
  readonly resource: Readonly<Record<string, string | null>>;
}

export interface MetricsConfig {
  readonly level: TelemetryInput["metrics"]["level"];
  /** False where nothing is to be served: level none, or readers that name no Prometheus endpoint. */
  readonly enabled: boolean;
  readonly host: string;
  readonly port: number;
}

const scope = sectionScope("service", "telemetry");

/** Reads service.telemetry; undefined if it is wrong (reported). `node` undefined = defaults. */
export function readTelemetry(
  node: Node | undefined,
  keyAt: Position,
  problems: ProblemList,
): TelemetryConfig | undefined {
  const input = node ? conform(telemetrySchema, node, scope, problems) : undefined;
  const parsed = validate(telemetrySchema, input);
  if (!parsed.success) {
    if (node) reportIssues(parsed.error.issues, { schema: telemetrySchema, root: node, keyAt, scope }, problems);
    return undefined;
  }
  const telemetry = parsed.data;
  const warn = (path: readonly string[], message: string) => {
    const at = node ? deepestNode(node, path).at : keyAt;
    problems.warn(at, [...scope.path, ...path], message);
  };
  warnUnused(telemetry, warn);
  const metrics = readMetrics(telemetry.metrics, node, keyAt, problems, warn);
  return { logs: telemetry.logs, metrics, traces: telemetry.traces, resource: readResource(telemetry.resource) };
}

type Warn = (path: readonly string[], message: string) => void;

function warnUnused(telemetry: TelemetryInput, warn: Warn): void {
  const unused: [readonly string[], readonly unknown[]][] = [
    [["logs", "processors"], telemetry.logs.processors],
    [["traces", "processors"], telemetry.traces.processors],
    [["metrics", "views"], telemetry.metrics.views],
  ];
  for (const [path, list] of unused) {
    if (list.length > 0) warn(path, `service::telemetry::${path.join("::")}: not supported, has no effect`);
  }
}

function readMetrics(
  input: TelemetryInput["metrics"],
  node: Node | undefined,
  keyAt: Position,
  problems: ProblemList,
  warn: Warn,
): MetricsConfig {
  const off: MetricsConfig = { level: input.level, enabled: false, host: "localhost", port: 8888 };
  if (input.level === "none") return off;
  const path = ["metrics", "readers"];
  if (input.address !== undefined) return readAddress(input.address, input.level, node, keyAt, problems, warn);
  if (input.readers === undefined) return { ...off, enabled: true };
  if (input.readers.length === 0) {
    const message = "collector telemetry metrics reader should exist when metric level is not none";
    problems.error(
      node ? deepestNode(node, path).at : keyAt,
      [...scope.path, ...path],
      `service::telemetry: ${message}`,
    );
  }
  const served = input.readers.map((each) => each.pull?.exporter.prometheus).filter((each) => each !== undefined);
  if (input.readers.some((each) => each.periodic !== undefined)) {
    warn(path, "service::telemetry::metrics::readers: periodic readers are not supported, have no effect");
  }
  if (served.length > 1) warn(path, "service::telemetry::metrics::readers: only the first Prometheus reader is served");
  if (served.length === 0) return off;
  return { level: input.level, enabled: true, host: served[0].host, port: served[0].port };
}

/** The older `metrics.address: host:port`, with ":8888" for every interface. */
function readAddress(
  address: string,
  level: MetricsConfig["level"],
  node: Node | undefined,
  keyAt: Position,
  problems: ProblemList,
  warn: Warn,
): MetricsConfig {
  const path = ["metrics", "address"];
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    problems.error(
      node ? deepestNode(node, path).at : keyAt,
      [...scope.path, ...path],
      `service::telemetry::metrics::address: invalid address "${address}" (write host:port)`,
    );
    return { level, enabled: false, host: "localhost", port: 8888 };
  }
  warn(
    path,
    "service::telemetry::metrics::address is deprecated; write readers: [{pull: {exporter: {prometheus: {host, port}}}}]",
  );
  return { level, enabled: true, host: match[1] ?? (match[2] || "0.0.0.0"), port };
}

function readResource(input: TelemetryInput["resource"]): Record<string, string | null> {
  const out: Record<string, string | null> = {};
  for (const [key, value] of Object.entries(input)) {
    if (key === "attributes" || key === "schema_url" || key.startsWith("detection/")) continue;
    out[key] = value === null ? null : String(value);
  }
  for (const attribute of input.attributes ?? []) out[attribute.name] = String(attribute.value);
  return out;
}
