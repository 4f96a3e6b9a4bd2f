import { readFile } from "node:fs/promises";
import { parseFeatureGates } from "../config/feature-gates.js";
import { type LoadResult, loadConfig, type ResolvedConfig } from "../config/load.js";
import { deepestNode } from "../config/node.js";
import { formatProblem } from "../config/problem.js";
import { GraphError } from "../graph/plan.js";
import { CliError, type CliIo } from "./io.js";
import type { ConfigOptions } from "./options.js";

const maxFetchedBytes = 1024 * 1024;
const fetchTimeoutMs = 10_000;

/** What a command line's configuration came to. */
export interface Loaded extends LoadResult {
  /** One line each. */
  readonly warningLines: readonly string[];
}

/** Reads the configuration that the options name; what is wrong with it is in the result. Throws CliError for bad gates. */
export async function readConfiguration(options: ConfigOptions, io: CliIo): Promise<Loaded> {
  const gates = parseFeatureGates(options.featureGates);
  if (gates.errors.length > 0) throw new CliError(gates.errors.join("\n"));
  const loaded = await loadConfig({
    sources: options.config,
    sets: options.set,
    gates: gates.enabled,
    factories: await io.loadFactories(),
    env: io.env,
    readFile: (path) => readFile(path),
    fetchText,
  });
  return { ...loaded, warningLines: [...gates.warnings, ...loaded.warnings.map(formatProblem)] };
}

/** The configuration, or a CliError that lists everything that is wrong with it. */
export function requireConfig(loaded: Loaded): ResolvedConfig {
  if (loaded.config) return loaded.config;
  const { problems } = loaded;
  const title =
    problems.length === 1 ? "invalid configuration:" : `invalid configuration, ${problems.length} problems:`;
  throw new CliError([title, ...problems.map(formatProblem)].join("\n"));
}

/** Runs `build`; where pipelines can't be joined, the CliError says at which place of the configuration. */
export function buildAt<T>(loaded: Loaded, build: () => T): T {
  try {
    return build();
  } catch (caught) {
    if (!(caught instanceof GraphError) || !loaded.document) throw caught;
    const { at } = deepestNode(loaded.document, caught.path);
    throw new CliError(`invalid configuration:\n${at.file}:${at.line}:${at.column}: ${caught.message}`);
  }
}

/** For http: and https: sources: no redirect to elsewhere is followed, since what comes back decides where data goes. */
async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(fetchTimeoutMs) });
  if (response.status !== 200)
    throw new Error(`failed to load resource from uri "${url}". status code: ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxFetchedBytes) throw new Error(`the resource at "${url}" is larger than ${maxFetchedBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
