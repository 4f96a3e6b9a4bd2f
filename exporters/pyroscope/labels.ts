import { labelText } from "../../src/codec/pprof-labels.js";
import type { KeyValue } from "../../src/pdata/any-value.js";

/** Pyroscope's default limits (validation.max-*). */
export const maxLabels = 30;
const maxNameBytes = 1024;
const maxValueBytes = 2048;

export type Label = readonly [name: string, value: string];

/** Names with `__` in front that Pyroscope knows and a client may send; it derives the others from the pprof. */
const internalNames: ReadonlySet<string> = new Set(["__delta__", "__session_id__"]);
/** These may also stand among the attributes of a profile. */
const profileLabelNames: ReadonlySet<string> = new Set([
  ...internalNames,
  "service_repository",
  "service_git_ref",
  "service_root_path",
]);

/** True if an attribute of a profile with this key is a label. */
export function isProfileLabel(key: string): boolean {
  return profileLabelNames.has(key);
}

/**
 * How much a label tells, by the longest prefix that matches; those with the highest number go first when there are more
 * than Pyroscope takes. service_name and __name__ always stay.
 */
const ranks: readonly (readonly [prefix: string, rank: number])[] = [
  ["__", 0],
  ["service_repository", 0],
  ["service_git_ref", 0],
  ["service_root_path", 0],
  ["service", 1],
  ["namespace", 1],
  ["env", 1],
  ["deployment", 1],
  ["k8s.namespace.name", 2],
  ["k8s.pod.name", 2],
  ["k8s.container.name", 2],
  ["k8s.node.name", 2],
  ["k8s.cluster.name", 2],
  ["k8s.deployment.name", 2],
  ["k8s.statefulset.name", 2],
  ["k8s.daemonset.name", 2],
  ["k8s.cronjob.name", 2],
  ["k8s.job.name", 2],
  ["host.name", 2],
  ["container.name", 2],
  ["cloud.region", 2],
  ["", 3],
  ["container.", 4],
  ["host.", 4],
  ["k8s.", 4],
  ["cloud.", 4],
  ["otel.", 5],
  ["telemetry.", 5],
  ["os.", 5],
  ["process.executable.name", 4],
  ["process.", 6],
  ["process.command", 7],
  ["process.environment_variable.", 7],
];

function rankOf(name: string): number {
  let best = 3;
  let bestLength = -1;
  for (const [prefix, rank] of ranks) {
    if (prefix.length > bestLength && name.startsWith(prefix)) {
      best = rank;
      bestLength = prefix.length;
    }
  }
  return best;
}

/** Labels of a series, by name, and what could not be sent as it was. */
export interface SeriesLabels {
  readonly labels: readonly Label[];
  /** Names of labels left out because there were too many, or because their name is too long. */
  readonly dropped: readonly string[];
  /** Names of labels whose value was cut to what Pyroscope takes. */
  readonly cut: readonly string[];
}

/** Attributes of a resource, of a scope and (a few names only) of a profile as label candidates; the first of a name wins. */
export function collectLabels(
  resource: readonly KeyValue[],
  scope: readonly KeyValue[],
  profile: readonly KeyValue[],
): Map<string, string> {
  const labels = new Map<string, string>();
  for (const { key, value } of profile) {
    if (isProfileLabel(key)) setOnce(labels, key, labelText(value));
  }
  for (const { key, value } of [...resource, ...scope]) {
    if (key.startsWith("__") && !internalNames.has(key)) continue;
    setOnce(labels, key, labelText(value));
  }
  const service = labels.get("service.name") ?? labels.get("service_name") ?? unknownService(labels);
  labels.delete("service.name");
  labels.set("service_name", service);
  return labels;
}

function setOnce(labels: Map<string, string>, name: string, value: string): void {
  // A label without a value is no label.
  if (name !== "" && value !== "" && !labels.has(name)) labels.set(name, value);
}

/** As Pyroscope itself names what comes without a service. */
function unknownService(labels: ReadonlyMap<string, string>): string {
  const executable = labels.get("process.executable.name");
  return executable === undefined ? "unknown_service" : `unknown_service:${executable}`;
}

/** At most `limit` labels, sorted by name, within Pyroscope's lengths. */
export function fitLabels(candidates: ReadonlyMap<string, string>, limit: number): SeriesLabels {
  const dropped: string[] = [];
  const cut: string[] = [];
  const labels: Label[] = [];
  for (const [name, value] of candidates) {
    if (tooLong(name, maxNameBytes)) {
      dropped.push(name);
      continue;
    }
    const fitting = cutUtf8(value, maxValueBytes);
    if (fitting !== value) cut.push(name);
    labels.push([name, fitting]);
  }
  labels.sort((a, b) => byName(a[0], b[0]));
  if (labels.length > limit) {
    const always = (name: string) => name === "service_name" || name === "__name__";
    const rank = (name: string) => (always(name) ? -1 : rankOf(name));
    // Stable: within a rank the names that come first in order stay, so a series keeps its identity.
    const kept = new Set([...labels].sort((a, b) => rank(a[0]) - rank(b[0])).slice(0, limit));
    for (const label of labels) if (!kept.has(label)) dropped.push(label[0]);
    return { labels: labels.filter((label) => kept.has(label)), dropped, cut };
  }
  return { labels, dropped, cut };
}

function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function tooLong(text: string, maxBytes: number): boolean {
  return text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes;
}

/** The longest prefix of whole characters within `maxBytes` of UTF-8. */
function cutUtf8(text: string, maxBytes: number): string {
  if (!tooLong(text, maxBytes)) return text;
  const bytes = Buffer.from(text);
  let end = maxBytes;
  while ((bytes[end] & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}
