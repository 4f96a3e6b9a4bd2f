import type { Factories } from "../component/factory.js";
import { type ComponentSections, type ReadComponents, readComponents, sectionNames } from "./components.js";
import { sectionScope } from "./diagnose.js";
import { expandTree } from "./expand.js";
import { mergeNodes, parseSet } from "./merge.js";
import { isNull, type MapNode, mapNode, type Node } from "./node.js";
import { asMap, type PipelineConfig, readExtensions, readPipelines } from "./pipelines.js";
import { createProblemList, type Position, type Problem, type ProblemList, sortProblems } from "./problem.js";
import { labelOf, parseSourceLocation, readSource, type SourceAccess, SourceError } from "./source.js";
import { advice } from "./suggest.js";
import { readTelemetry, type TelemetryConfig } from "./telemetry.js";

export interface LoadOptions extends SourceAccess {
  /** `--config` values in order: paths, or "scheme:data". */
  readonly sources: readonly string[];
  /** `--set` values ("a.b=c"), applied after all sources. */
  readonly sets?: readonly string[];
  readonly factories: Factories;
  /** Gates that are on; only service.AllowNoPipelines changes anything. */
  readonly gates?: ReadonlySet<string>;
}

/** A configuration that is complete and valid. */
export interface ResolvedConfig extends ComponentSections {
  readonly service: ServiceConfig;
}

export interface ServiceConfig {
  /** In start order. */
  readonly extensions: readonly string[];
  /** By id: "profiles" or "profiles/name". */
  readonly pipelines: ReadonlyMap<string, PipelineConfig>;
  readonly telemetry: TelemetryConfig;
}

export interface LoadResult {
  /** Absent if there is any problem. */
  readonly config?: ResolvedConfig;
  /** The merged and expanded tree, for printConfig; absent if it could not be read. */
  readonly document?: Node;
  /** Everything that is wrong, in reading order. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

const maxSources = 100;
const commandLine: Position = { file: "command line", line: 1, column: 1 };

/** Loads, merges, expands and validates. Never rejects for anything that is wrong with the configuration. */
export async function loadConfig(options: LoadOptions): Promise<LoadResult> {
  const problems = createProblemList();
  const files: string[] = [];
  const merged = await readAll(options, files, problems);
  const document = merged ? await expandTree(merged, options, problems) : undefined;
  const resolved =
    document?.kind === "map" && document.entries.size > 0 ? resolve(document, options, problems) : undefined;
  if (merged && !resolved && problems.problems.length === 0) {
    problems.error({ ...commandLine, file: files[0] }, [], "empty configuration file");
  }
  const ok = problems.problems.length === 0;
  return {
    config: ok ? resolved : undefined,
    document,
    problems: sortProblems(problems.problems, files),
    warnings: sortProblems(problems.warnings, files),
  };
}

/** All sources merged; undefined if one can't be read, since what is missing then would be reported as missing. */
async function readAll(options: LoadOptions, files: string[], problems: ProblemList): Promise<Node | undefined> {
  const { sources, sets = [] } = options;
  if (sources.length === 0) {
    problems.error(commandLine, [], "at least one config flag must be provided (--config FILE)");
    return undefined;
  }
  if (sources.length > maxSources) {
    problems.error(commandLine, [], `too many --config values: ${sources.length} (at most ${maxSources})`);
    return undefined;
  }
  let root: Node | undefined;
  let complete = true;
  for (const uri of sources) {
    const node = await readOne(uri, options, files, problems);
    if (!node) complete = false;
    else root = root ? mergeNodes(root, node) : node;
  }
  for (const argument of sets) {
    const node = parseSet(argument, problems);
    if (!node) complete = false;
    else root = root ? mergeNodes(root, node) : node;
  }
  return complete ? root : undefined;
}

async function readOne(
  uri: string,
  options: LoadOptions,
  files: string[],
  problems: ProblemList,
): Promise<Node | undefined> {
  let file = uri;
  try {
    const location = parseSourceLocation(uri);
    file = labelOf(location);
    files.push(file);
    const before = problems.problems.length;
    const node = await readSource(location, options, problems);
    return problems.problems.length > before ? undefined : node;
  } catch (caught) {
    if (!(caught instanceof SourceError)) throw caught;
    problems.error({ file, line: 1, column: 1 }, [], `cannot retrieve the configuration: ${caught.message}`);
    return undefined;
  }
}

const topLevelKeys: readonly string[] = [...sectionNames, "service"];
const serviceKeys = ["extensions", "pipelines", "telemetry"];

function resolve(root: MapNode, options: LoadOptions, problems: ProblemList): ResolvedConfig | undefined {
  refuseUnknownKeys(root, [], topLevelKeys, problems);
  const components = readComponents(root, options.factories, problems);
  const start: Position = { file: root.at.file, line: 1, column: 1 };
  const serviceEntry = root.entries.get("service");
  const serviceAt = serviceEntry?.keyAt ?? start;
  const service = asMap(serviceEntry?.value, ["service"], "service.Config", problems) ?? mapNode(new Map(), serviceAt);
  refuseUnknownKeys(service, ["service"], serviceKeys, problems);
  const part = (key: string) => service.entries.get(key);
  const pipelines = readPipelines(part("pipelines")?.value, components.declared, problems);
  const extensions = readExtensions(part("extensions")?.value, components.declared, problems);
  const telemetry = readTelemetry(part("telemetry")?.value, part("telemetry")?.keyAt ?? serviceAt, problems);
  const pipelinesNode = part("pipelines")?.value;
  const serviceIsMap = isBare(serviceEntry?.value) || serviceEntry?.value.kind === "map";
  if (serviceIsMap && isBare(pipelinesNode) && !options.gates?.has("service.AllowNoPipelines")) {
    const at = part("pipelines")?.keyAt ?? serviceAt;
    const message =
      "service::pipelines: service must have at least one pipeline (add profiles: {receivers: […], exporters: […]})";
    problems.error(at, ["service", "pipelines"], message);
  }
  checkComplete(components, start, problems);
  if (!telemetry) return undefined;
  return { ...components.sections, service: { extensions, pipelines, telemetry } };
}

/** True for what is absent, null, or an empty map. */
function isBare(node: Node | undefined): boolean {
  return !node || isNull(node) || (node.kind === "map" && node.entries.size === 0);
}

function refuseUnknownKeys(
  node: MapNode,
  path: readonly string[],
  known: readonly string[],
  problems: ProblemList,
): void {
  for (const [key, entry] of node.entries) {
    if (known.includes(key)) continue;
    const name = sectionScope(...path).name([]);
    problems.error(entry.keyAt, [...path, key], `'${name}' has invalid keys: ${key}${advice(key, known)}`);
  }
}

/** What the Collector asks of a whole configuration. */
function checkComplete(components: ReadComponents, at: Position, problems: ProblemList): void {
  const { declared } = components;
  if (declared.receivers.size === 0) {
    problems.error(at, ["receivers"], "no receiver configuration specified in config (add a receivers: section)");
  }
  if (declared.exporters.size === 0) {
    problems.error(at, ["exporters"], "no exporter configuration specified in config (add an exporters: section)");
  }
  for (const [id, position] of declared.connectors) {
    for (const [section, kind] of [
      ["exporters", "exporter"],
      ["receivers", "receiver"],
    ] as const) {
      if (!declared[section].has(id)) continue;
      const text = `connectors::${id}: ambiguous ID: Found both "${id}" ${kind} and "${id}" connector. Change one of the components' IDs to eliminate ambiguity (e.g. rename "${id}" connector to "${id}/connector")`;
      problems.error(position, ["connectors", id], text);
    }
  }
}
