import { featureGates } from "../config/feature-gates.js";
import { CliError } from "./io.js";

/** A table of all gates, or the details of one; throws CliError if there is none of that id. */
export function describeGates(id: string | undefined): string {
  if (id === undefined) {
    const rows = featureGates.map((gate) => [gate.id, String(gate.enabled), title(gate.stage), gate.description]);
    return table([["ID", "Enabled", "Stage", "Description"], ...rows]);
  }
  const found = featureGates.find((gate) => gate.id === id);
  if (!found) throw new CliError(`feature "${id}" not found`);
  const { enabled, stage, description } = found;
  return `Feature: ${id}\nEnabled: ${enabled}\nStage: ${title(stage)}\nDescription: ${description}\n`;
}

function title(word: string): string {
  return word[0].toUpperCase() + word.slice(1);
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i]))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
