import { CliError } from "./io.js";

type Stage = "Alpha" | "Beta" | "Stable" | "Deprecated";

interface Gate {
  readonly id: string;
  readonly stage: Stage;
  readonly enabled: boolean;
  readonly description: string;
}

/** The Collector's gates. They are accepted so that an existing command line runs unchanged, and change nothing here. */
const gates: readonly Gate[] = [
  gate("confmap.enableMergeAppendOption", "Alpha", "Appends lists instead of replacing them when merging configurations; not available here."),
  gate("extension.healthcheck.useComponentStatus", "Alpha", "Lets health_check answer with the status of each component; not available here."),
  gate("otelcol.printInitialConfig", "Alpha", "Enables print-config; here it always is."),
  gate("pdata.useProtoPooling", "Alpha", "Has no meaning here."),
  gate("pkg.exporterhelper.queueBatchEnabled", "Alpha", "Turns sending_queue.batch on by default; write `batch: {}` instead."),
  gate("receiverhelper.newReceiverMetrics", "Alpha", "Separates failed from refused items in receiver metrics; not available here."),
  gate("service.AllowNoPipelines", "Alpha", "Lets a collector run without pipelines; not available here."),
  gate("service.partialReload", "Alpha", "Reloads only what changed; not available here."),
  gate("service.partialReloadReceivers", "Beta", "Reloads only receivers; not available here."),
  gate("service.profilesSupport", "Stable", "Profiles pipelines; always on."),
  gate("telemetry.newPipelineTelemetry", "Alpha", "Counts items at every edge by pipeline; not available here."),
];

function gate(id: string, stage: Stage, description: string): Gate {
  return { id, stage, description, enabled: stage === "Beta" || stage === "Stable" };
}

/** Checks `a,-b,+c` lists as the Collector does; throws CliError. */
export function applyFeatureGates(lists: readonly string[]): void {
  for (const list of lists) {
    list.split(",").forEach((item, index) => {
      const name = item.trim();
      const off = name.startsWith("-");
      const id = off || name.startsWith("+") ? name.slice(1) : name;
      if (id === "") throw new CliError(`empty feature gate identifier at index ${index}`);
      const found = gates.find((known) => known.id === id);
      if (!found) {
        throw new CliError(`no such feature gate "${id}". valid gates: [${gates.map((known) => known.id).join(" ")}]`);
      }
      // The Collector's own gate of this name is alpha: turning it off is legal there and would stop every pipeline here.
      if (off && found.stage === "Stable") throw new CliError(`feature gate "${id}" is stable, can not be disabled`);
    });
  }
}

/** A table of all gates, or the details of one; throws CliError if there is none of that id. */
export function describeGates(id: string | undefined): string {
  if (id === undefined) {
    const rows = gates.map((one) => [one.id, String(one.enabled), one.stage, one.description]);
    return table([["ID", "Enabled", "Stage", "Description"], ...rows]);
  }
  const found = gates.find((one) => one.id === id);
  if (!found) throw new CliError(`feature "${id}" not found`);
  return `Feature: ${found.id}\nEnabled: ${found.enabled}\nStage: ${found.stage}\nDescription: ${found.description}\n`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => `${row.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd()}\n`).join("");
}
