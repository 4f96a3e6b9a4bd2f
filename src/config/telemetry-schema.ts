import { z } from "zod";
import { duration } from "../component/schema.js";

const logLevels = ["debug", "info", "warn", "error", "dpanic", "panic", "fatal"] as const;
const metricLevels = ["none", "basic", "normal", "detailed"] as const;

/** A word in any case; `unknown` says what is wrong with another one. */
function word<T extends string>(words: readonly T[], unknown: (text: string) => string) {
  return z.string().transform((text, ctx): T => {
    const found = words.find((each) => each === text.toLowerCase());
    if (found !== undefined) return found;
    ctx.addIssue({ code: "custom", message: `${unknown(text)} (valid: ${words.join(", ")})` });
    return z.NEVER;
  });
}

const sampling = z
  .strictObject({
    enabled: z.boolean().default(true).describe("Drop repeated lines."),
    tick: duration("10s").describe("The window in which lines are counted."),
    initial: z.int().default(10).describe("Lines with the same message that pass in each window."),
    thereafter: z.int().default(100).describe("After those, every n-th passes."),
  })
  .prefault({})
  .describe("Limits how often one message is logged.");

const logs = z
  .strictObject({
    level: word(logLevels, (text) => `unrecognized level: "${text}"`)
      .prefault("info")
      .describe("The least severe level that is logged."),
    encoding: z.enum(["console", "json"]).default("console").describe("How a line is written."),
    development: z.boolean().default(false).describe("Accepted; changes nothing."),
    disable_caller: z.boolean().default(false).describe("Accepted; lines never name the caller."),
    disable_stacktrace: z.boolean().default(false).describe("Leave stacks out of error lines."),
    sampling,
    output_paths: z.array(z.string()).default(["stderr"]).describe("stderr, stdout or file paths."),
    error_output_paths: z.array(z.string()).default(["stderr"]).describe("Where the logger's own errors go."),
    initial_fields: z.record(z.string(), z.unknown()).default({}).describe("Fields added to every line."),
    disable_zap_resource: z.boolean().default(false).describe("Leave resource attributes out of log lines."),
    processors: z.array(z.unknown()).default([]).describe("OTLP export of logs; accepted and not used."),
  })
  .prefault({})
  .describe("The collector's own logs.");

const prometheusReader = z
  .strictObject({
    host: z.string().default("localhost").describe("Address to listen on."),
    port: z.int().min(0).max(65_535).default(8888).describe("Port to listen on."),
    without_scope_info: z.boolean().default(false).describe("Accepted; scope labels are never written."),
    without_units: z.boolean().default(false).describe("Accepted; names never carry unit suffixes."),
    without_type_suffix: z.boolean().default(false).describe("Accepted; names never carry _total."),
    with_resource_constant_labels: z
      .strictObject({
        included: z.array(z.string()).default([]).describe("Resource attributes to add."),
        excluded: z.array(z.string()).default([]).describe("Resource attributes to leave out."),
      })
      .optional()
      .describe("Resource attributes as labels on every metric; accepted and not used."),
  })
  .describe("Serves /metrics in Prometheus' format.");

const reader = z.strictObject({
  pull: z
    .strictObject({
      exporter: z.strictObject({ prometheus: prometheusReader.optional() }).describe("What serves the metrics."),
    })
    .optional()
    .describe("Metrics that a scraper fetches."),
  periodic: z.unknown().optional().describe("Metrics that are pushed; accepted and not used."),
});

const metrics = z
  .strictObject({
    level: word(metricLevels, (text) => `unknown metrics level "${text}"`)
      .prefault("normal")
      .describe("How much is measured; none turns the endpoint off."),
    readers: z.array(reader).optional().describe("Where metrics go; by default localhost:8888/metrics."),
    views: z.array(z.unknown()).default([]).describe("Accepted and not used."),
    address: z.string().optional().describe("Older spelling of a Prometheus reader: host:port."),
  })
  .prefault({})
  .describe("The collector's own metrics.");

const traces = z
  .strictObject({
    level: word(["none", "basic"], (text) => `unknown traces level "${text}"`)
      .prefault("basic")
      .describe("none turns spans off."),
    propagators: z.array(z.string()).default([]).describe("How trace context is read from requests."),
    processors: z.array(z.unknown()).default([]).describe("Export of spans; accepted and not used."),
  })
  .prefault({})
  .describe("Spans of the collector's own work.");

const attributes = z.array(
  z.strictObject({
    name: z.string().describe("Attribute name."),
    value: z.unknown().describe("Attribute value."),
    type: z.string().optional().describe("Type of the value."),
  }),
);

/** service.telemetry, as written. */
export const telemetrySchema = z
  .strictObject({
    logs,
    metrics,
    traces,
    resource: z
      .looseObject({ attributes: attributes.optional().describe("Attributes of the collector itself.") })
      .prefault({})
      .describe("Resource attributes of the collector's own telemetry; null removes a default."),
  })
  .prefault({});

export type TelemetryInput = z.output<typeof telemetrySchema>;
