/** How far a gate has come; stable gates can't be turned off. */
export type GateStage = "alpha" | "beta" | "stable" | "deprecated";

export interface FeatureGate {
  readonly id: string;
  readonly stage: GateStage;
  /** Whether it is on when nobody says otherwise. */
  readonly enabled: boolean;
  readonly description: string;
}

/** Gates of the Collector that files and scripts name. Those without an effect here are accepted all the same. */
export const featureGates: readonly FeatureGate[] = [
  gate("confmap.enableMergeAppendOption", "alpha", "Append lists when configurations are merged (no effect)."),
  gate("extension.healthcheck.useComponentStatus", "alpha", "The second health_check engine (no effect)."),
  gate("otelcol.printInitialConfig", "beta", "The print-config command (always there)."),
  gate("pdata.useProtoPooling", "alpha", "Reuse of message objects (no effect)."),
  gate("pkg.exporterhelper.queueBatchEnabled", "alpha", "sending_queue.batch on by default (no effect)."),
  gate("receiverhelper.newReceiverMetrics", "alpha", "Failed apart from refused (no effect)."),
  gate("service.AllowNoPipelines", "alpha", "A configuration without pipelines may start."),
  gate("service.partialReload", "alpha", "Reload of parts (no effect)."),
  gate("service.partialReloadReceivers", "beta", "Reload of receivers (no effect)."),
  gate("service.profilesSupport", "stable", "Profiles pipelines (always on)."),
  gate("telemetry.newPipelineTelemetry", "alpha", "Metrics for every edge of a pipeline (no effect)."),
];

function gate(id: string, stage: GateStage, description: string): FeatureGate {
  return { id, stage, enabled: stage === "beta" || stage === "stable", description };
}

export interface ParsedGates {
  /** The gates that are on. */
  readonly enabled: ReadonlySet<string>;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** Reads `--feature-gates` values: comma-separated ids, "-" in front turns one off, "+" or nothing on. */
export function parseFeatureGates(values: readonly string[]): ParsedGates {
  const enabled = new Set(featureGates.filter((each) => each.enabled).map((each) => each.id));
  const errors: string[] = [];
  const warnings: string[] = [];
  const items = values.flatMap((value) => (value === "" ? [] : value.split(",")));
  for (const [index, item] of items.entries()) {
    const on = !item.startsWith("-");
    const id = item.replace(/^[-+]/, "");
    const known = featureGates.find((each) => each.id === id);
    if (id === "") {
      errors.push(`empty feature gate identifier at index ${index}`);
    } else if (!known) {
      const valid = featureGates.map((each) => each.id).join(" ");
      errors.push(`no such feature gate "${id}". valid gates: [${valid}]`);
    } else if (known.stage === "stable" && !on) {
      errors.push(`feature gate "${id}" is stable, can not be disabled`);
    } else if (known.stage === "deprecated" && on) {
      errors.push(`feature gate "${id}" is deprecated, can not be enabled`);
    } else {
      // Everyone who carries profiles sets this one, so it is no news.
      if (known.stage === "stable" && id !== "service.profilesSupport") {
        warnings.push(`feature gate "${id}" is stable and already enabled`);
      }
      if (on) enabled.add(id);
      else enabled.delete(id);
    }
  }
  return { enabled, errors, warnings };
}
