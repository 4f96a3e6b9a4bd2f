import type { FunctionRow, HotReport, HotTable } from "./hot-functions.js";

/** Rows of a table. */
const topCount = 10;

/** The report as text, "" when nothing came. `at` is printed as the time, `intervalMs` as what it covers. */
export function renderReport(report: HotReport, at: Date, intervalMs: number): string {
  const out: string[] = [];
  for (const tables of groupByService(report.tables)) {
    out.push(`\n${at.toISOString()}  ${tables[0].service}  last ${formatValue(intervalMs * 1e6, "nanoseconds")}`);
    for (const table of tables) out.push(...renderTable(table));
  }
  if (report.samplesCut > 0) {
    out.push(
      `(${formatValue(report.samplesCut, "count")} samples of further services or sample types are not shown: too many of them)`,
    );
  }
  return out.length === 0 ? "" : `${out.join("\n")}\n`;
}

function groupByService(tables: readonly HotTable[]): HotTable[][] {
  const groups = new Map<string, HotTable[]>();
  for (const table of tables) {
    if (table.sum === 0) continue;
    const group = groups.get(table.service);
    if (group) group.push(table);
    else groups.set(table.service, [table]);
  }
  return [...groups.values()];
}

function renderTable(table: HotTable): string[] {
  const rows = [...table.functions.values()].sort(hotterFirst).slice(0, topCount);
  const lines = [`  ${titleOf(table)}`, `  ${"self".padStart(18)}  ${"total".padStart(18)}  function`];
  for (const row of rows) {
    lines.push(`  ${cell(row.self, table).padStart(18)}  ${cell(row.total, table).padStart(18)}  ${row.name}`);
  }
  const more = table.functions.size - rows.length;
  if (more > 0) lines.push(`  ${"".padStart(38)}  … and ${grouped(more)} more functions`);
  if (table.cutSelf > 0) {
    lines.push(`  (cut: ${cell(table.cutSelf, table)} of self fell on functions that found no room in this table)`);
  }
  return lines;
}

function titleOf(table: HotTable): string {
  const unit = table.unit === "" ? "" : ` (${table.unit})`;
  const cpu = table.cpuNanos > 0 ? `, about ${formatValue(table.cpuNanos, "nanoseconds")} of CPU time` : "";
  return `${table.type || "values"}${unit}: ${formatValue(table.sum, table.unit)}${cpu}`;
}

function hotterFirst(a: FunctionRow, b: FunctionRow): number {
  return b.self - a.self || b.total - a.total || (a.name < b.name ? -1 : 1);
}

function cell(value: number, table: HotTable): string {
  const percent = `${((100 * value) / table.sum).toFixed(1)}%`;
  return `${formatValue(value, table.unit)} ${percent.padStart(6)}`;
}

const timeUnits: readonly [number, string][] = [
  [3600e9, "h"],
  [60e9, "min"],
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "µs"],
  [1, "ns"],
];
const byteUnits: readonly [number, string][] = [
  [2 ** 40, "TiB"],
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
  [1, "B"],
];
const nanosPer: Readonly<Record<string, number>> = {
  nanoseconds: 1,
  microseconds: 1e3,
  milliseconds: 1e6,
  seconds: 1e9,
};

/** A value as a person reads it: times and bytes scaled, anything else with its digits grouped. */
export function formatValue(value: number, unit: string): string {
  if (Object.hasOwn(nanosPer, unit)) return scaled(value * nanosPer[unit], timeUnits);
  if (unit === "bytes") return scaled(value, byteUnits);
  return grouped(value);
}

function grouped(value: number): string {
  const text = Number.isInteger(value) ? value.toFixed(0) : value.toFixed(2);
  return text.replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ",");
}

function scaled(value: number, units: readonly [number, string][]): string {
  const [size, name] = units.find(([least]) => Math.abs(value) >= least) ?? units[units.length - 1];
  const number = value / size;
  return `${Number.isInteger(number) ? number : number.toFixed(2)} ${name}`;
}
