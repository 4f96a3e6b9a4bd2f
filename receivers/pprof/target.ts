import { relabel } from "../../src/relabel/engine.js";
import { LabelBuilder } from "../../src/relabel/label-builder.js";
import type { RelabelRule } from "../../src/relabel/rule.js";
import { kindsOf, type NamedKind, profilingSeconds, type ScrapeConfig } from "./config.js";

/** Targets that share labels, as discovery finds them. */
export interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** One profile of one target. */
export interface ScrapeTarget {
  /** Equal for equal targets; different for any others. */
  readonly key: string;
  readonly url: string;
  readonly kind: NamedKind;
  /** The profile's name. */
  readonly name: string;
  /** The labels that its profiles get, without `__…`, service_name among them. */
  readonly labels: ReadonlyMap<string, string>;
  /** For the whole exchange. */
  readonly timeoutMs: number;
}

/** A target that can't be scraped as it is, and why. */
export interface BadTarget {
  readonly address: string;
  readonly reason: string;
}

export interface Resolved {
  readonly targets: ReadonlyMap<string, ScrapeTarget>;
  readonly bad: readonly BadTarget[];
  /** Targets left out because there are too many. */
  readonly ignored: number;
}

/** What the groups mean by this configuration: a target per address and kind of profile, relabelled, duplicates removed. */
export function resolveTargets(
  groups: readonly TargetGroup[],
  config: ScrapeConfig,
  rules: readonly RelabelRule[],
): Resolved {
  const kinds = kindsOf(config.profiling_config);
  const targets = new Map<string, ScrapeTarget>();
  const bad: BadTarget[] = [];
  let ignored = 0;
  for (const { targets: addresses, labels } of groups) {
    for (const address of addresses) {
      for (const kind of kinds) {
        const target = resolve(address, labels, kind, config, rules);
        if (target === undefined) continue;
        if ("reason" in target) {
          if (bad.at(-1)?.address !== address) bad.push(target);
        } else if (targets.size < config.max_targets || targets.has(target.key)) targets.set(target.key, target);
        else ignored++;
      }
    }
  }
  return { targets, bad, ignored };
}

/** undefined where a rule drops it. */
function resolve(
  address: string,
  own: Readonly<Record<string, string>>,
  kind: NamedKind,
  config: ScrapeConfig,
  rules: readonly RelabelRule[],
): ScrapeTarget | BadTarget | undefined {
  const { path_prefix } = config.profiling_config;
  const base = new Map<string, string>([
    ["job", config.job_name],
    ["__name__", kind.name],
    ["__scheme__", config.scheme],
    ["__profile_path__", kind.path],
  ]);
  if (path_prefix !== "") base.set("__profile_path_prefix__", path_prefix);
  for (const [name, values] of Object.entries(config.params))
    if (values.length > 0) base.set(`__param_${name}`, values[0]);
  base.set("__address__", address);
  for (const [name, value] of Object.entries(own)) base.set(name, value);
  const builder = new LabelBuilder(base);
  if (!relabel(rules, builder)) return undefined;
  const labels = builder.labels();
  const host = withPort(labels.get("__address__") ?? "", labels.get("__scheme__") ?? "");
  if (host === undefined) return { address, reason: `"${labels.get("__address__") ?? ""}" is not host:port` };
  const url = urlOf(host, labels, kind, config);
  if (url === undefined) return { address, reason: "its labels make no URL" };
  const name = labels.get("__name__") || kind.name;
  const kept = visibleLabels(labels, host);
  const seconds = kind.delta ? 1000 * profilingSeconds(config) : 0;
  const key = `${kind.key} ${name} ${url} ${JSON.stringify([...kept].sort())}`;
  return { key, url, kind, name, labels: kept, timeoutMs: config.scrape_timeout + seconds };
}

/** host:port, the port by the scheme where there is none; undefined where it is neither. */
function withPort(address: string, scheme: string): string | undefined {
  if (address === "" || /[\s/?#@\\]/.test(address)) return undefined;
  if (/^(\[[^\]]*\]|[^:]*):\d{1,5}$/.test(address)) return address;
  if (/^(\[[^\]]*\]|[^:[\]]+)$/.test(address)) return `${address}:${scheme === "https" ? 443 : 80}`;
  return undefined;
}

function urlOf(
  host: string,
  labels: ReadonlyMap<string, string>,
  kind: NamedKind,
  config: ScrapeConfig,
): string | undefined {
  const scheme = labels.get("__scheme__") ?? "";
  if (scheme !== "http" && scheme !== "https") return undefined;
  const prefix = (labels.get("__profile_path_prefix__") ?? "").replace(/\/+$/, "");
  const path = `${prefix}/${(labels.get("__profile_path__") ?? "").replace(/^\/+/, "")}`;
  const query = new URLSearchParams();
  for (const [name, value] of labels) if (name.startsWith("__param_")) query.append(name.slice(8), value);
  for (const [name, [, ...others]] of Object.entries(config.params)) {
    for (const value of others) query.append(name, value);
  }
  if (kind.delta && !query.has("seconds")) query.set("seconds", String(profilingSeconds(config)));
  const text = `${scheme}://${host}${path.startsWith("/") ? "" : "/"}${path}`;
  if (!URL.canParse(text)) return undefined;
  return query.size > 0 ? `${text}?${query}` : text;
}

function visibleLabels(labels: ReadonlyMap<string, string>, host: string): Map<string, string> {
  const kept = new Map<string, string>();
  for (const [name, value] of labels) if (!name.startsWith("__") && value !== "") kept.set(name, value);
  if (!kept.has("instance")) kept.set("instance", host);
  if (!kept.has("service_name")) kept.set("service_name", guessServiceName(labels));
  return kept;
}

/** By the labels that discovery leaves, in Alloy's order. */
function guessServiceName(labels: ReadonlyMap<string, string>): string {
  const get = (name: string) => labels.get(name) ?? "";
  const annotated = get("__meta_kubernetes_pod_annotation_pyroscope_io_service_name");
  if (annotated !== "") return annotated;
  const namespace = get("__meta_kubernetes_namespace");
  const container = get("__meta_kubernetes_pod_container_name");
  if (namespace !== "" && container !== "") return `${namespace}/${container}`;
  return (
    get("__meta_docker_container_name") ||
    get("__meta_dockerswarm_container_label_service_name") ||
    get("__meta_dockerswarm_service_name") ||
    "unspecified"
  );
}
