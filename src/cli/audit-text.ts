import type { BinaryReport } from "../symbols/report.js";
import { printableText } from "../telemetry/printable-text.js";

/**
 * How much of a binary a profiler can name: `lines` = every function, with file, line and inlined calls (Go); `functions` =
 * every function; `exported` = only those that other binaries may call; `none`.
 */
export type Reach = "lines" | "functions" | "exported" | "none";

/** One binary's part of the output; with --json, one line. */
export interface AuditedBinary {
  readonly path: string;
  /** Ids of processes that run or use it, with --host. */
  readonly processes: readonly number[];
  readonly report?: BinaryReport;
  /** Path of the file with its symbols; "" where they are in it, or nowhere. */
  readonly debugFile?: string;
  readonly names?: Reach;
  /** Why it couldn't be read. */
  readonly error?: string;
}

/** A table with a handful of functions is what a linker leaves behind, not a program's. */
const fewFunctions = 16;

export function reachOf({ go, symbols = 0, dynamicSymbols = 0 }: BinaryReport, debugFile: string): Reach {
  if (go) return "lines";
  if (symbols >= fewFunctions || (symbols > 0 && symbols >= dynamicSymbols) || debugFile !== "") return "functions";
  return dynamicSymbols > 0 ? "exported" : "none";
}

const reaches: Readonly<Record<Reach, string>> = {
  lines: "every function, with file, line and inlined calls",
  functions: "every function",
  exported: "only functions that other binaries may call: the rest stay addresses",
  none: "none: its frames stay addresses",
};

/** Paths, and what a binary says of itself, may be made to do something to the terminal. */
export function audited({ path, processes, report, debugFile = "", names, error }: AuditedBinary): string {
  if (!report || !names) return `${printableText(path)}\n  can't be read: ${printableText(error ?? "")}\n`;
  const rows: [string, string][] = [["names", reaches[names]]];
  if (processes.length > 0) rows.push(["processes", processesText(processes)]);
  rows.push([
    "kind",
    `${report.machine}, ${report.isPositionIndependent ? "position-independent" : "at fixed addresses"}`,
  ]);
  rows.push(["symbols", symbolsText(report)]);
  if (report.go) rows.push(["Go", goText(report.go)]);
  rows.push(["build id", buildIdText(report)]);
  if (debugFile !== "" || report.debugLink !== "")
    rows.push(["debug file", debugFile || `${report.debugLink}, not found`]);
  rows.push(["frame pointers", framePointersText(report)]);
  const lines = rows.map(([key, value]) => `  ${key.padEnd(15)}${printableText(value)}\n`);
  return `${printableText(path)}\n${lines.join("")}`;
}

function processesText(processes: readonly number[]): string {
  const shown = processes.slice(0, 8).join(", ");
  return processes.length > 8 ? `${shown} and ${processes.length - 8} more` : shown;
}

function symbolsText({ symbols, dynamicSymbols, hasDwarf }: BinaryReport): string {
  const own = symbols === undefined ? "stripped" : `.symtab with ${symbols} functions`;
  const exported = dynamicSymbols ? `, .dynsym with ${dynamicSymbols}` : "";
  return `${own}${exported}${hasDwarf ? ", DWARF (not read)" : ""}`;
}

function goText({ version, table, functions }: NonNullable<BinaryReport["go"]>): string {
  const release = version || "release not told";
  const inlined = table === "1.2" ? ", without inlined calls" : "";
  return `${release}, .gopclntab of Go ${table} with ${functions} functions${inlined}`;
}

function buildIdText({ ids }: BinaryReport): string {
  const known = [...(ids.gnu === "" ? [] : [`gnu ${ids.gnu}`]), ...(ids.go === "" ? [] : [`go ${ids.go}`])];
  return known.join(", ") || "none: separate debug files can't be matched";
}

function framePointersText({ framePointers }: BinaryReport): string {
  const { verdict, checked, withFramePointer } = framePointers;
  if (verdict === "unknown") return "unknown: too few functions, or a machine whose code is not known";
  return `${verdict} (${withFramePointer} of ${checked} functions that use the stack set one up)`;
}

/** `left`: binaries of the host past the most that are looked at. */
export function summaryOf(results: readonly AuditedBinary[], left: number): string {
  const count = (wanted: Reach): number => results.filter(({ names }) => names === wanted).length;
  const parts = [
    `${count("lines") + count("functions")} can be named`,
    `${count("exported")} in part`,
    `${count("none")} not at all`,
    `${results.filter(({ error }) => error !== undefined).length} can't be read`,
  ];
  const more = left > 0 ? `; ${left} more were not looked at` : "";
  return `\n${results.length} ${results.length === 1 ? "binary" : "binaries"}: ${parts.join(", ")}${more}\n`;
}
