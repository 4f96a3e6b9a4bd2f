import { isNull, listNode, mapNode, type Node, scalarNode } from "./node.js";
import { parseYaml } from "./parse-yaml.js";
import { createProblemList, type PathPart, type Position, type ProblemList } from "./problem.js";
import { yamlLimits } from "./yaml-syntax.js";

/** What the process around it lends to configuration loading. */
export interface SourceAccess {
  readonly env: Readonly<Record<string, string | undefined>>;
  readFile(path: string): Promise<Uint8Array | string>;
  /** For http: and https: sources; without it they are refused. */
  readonly fetchText?: (url: string) => Promise<string>;
}

/** A source could not be read; the message needs only a position. */
export class SourceError extends Error {}

export interface Location {
  readonly scheme: string;
  readonly data: string;
}

const locationPattern = /^([A-Za-z][A-Za-z0-9+.-]+):(.*)$/s;
const driveLetterPattern = /^[A-Za-z]:/;

/** A `--config` value: "scheme:data", or a path where there is no scheme. */
export function parseSourceLocation(uri: string): Location {
  if (!uri.includes(":") || driveLetterPattern.test(uri)) return { scheme: "file", data: uri };
  return parseLocation(uri);
}

/** The inside of `${…}`: "scheme:data", or an environment variable's name. */
export function parseReference(uri: string): Location {
  return uri.includes(":") ? parseLocation(uri) : { scheme: "env", data: uri };
}

function parseLocation(uri: string): Location {
  const match = locationPattern.exec(uri);
  if (!match) throw new SourceError(`invalid uri: "${uri}"`);
  return { scheme: match[1], data: match[2] };
}

/** What a reference stands for. */
export interface Retrieved {
  readonly node: Node;
  /** Takes the reference's place in longer text, and in string fields. undefined = the typed value only. */
  readonly text: string | undefined;
  /** In longer text. */
  readonly embeddedText: string;
}

/** Reads a whole `--config` source. undefined where it could not be parsed; throws SourceError where it can't be read. */
export async function readSource(
  location: Location,
  access: SourceAccess,
  problems: ProblemList,
): Promise<Node | undefined> {
  const file = location.scheme === "file" ? location.data : labelOf(location);
  const at: Position = { file, line: 1, column: 1 };
  const text = await readText(location, access, at, problems);
  const node = parseYaml(text ?? "", { file, splitKeys: true }, problems).node;
  if (!node || isNull(node)) return node && mapNode(new Map(), at);
  if (node.kind !== "map") {
    throw new SourceError(
      "retrieved value cannot be used as a Conf (a configuration is a map: receivers, exporters, service …)",
    );
  }
  return node;
}

/** Names a source in positions without its data, except for what is no more than a name. */
export function labelOf(location: Location): string {
  if (location.scheme === "file") return location.data;
  if (location.scheme === "yaml") return "yaml";
  if (location.scheme === "env") return `env:${location.data.split(":-", 1)[0]}`;
  return `${location.scheme}:${location.data.replace(/\/\/[^@/]*@/, "//").replace(/\?.*$/s, "")}`;
}

/** Reads what `${…}` names; `at` is where the reference stands. Throws SourceError. */
export async function retrieve(
  location: Location,
  access: SourceAccess,
  at: Position,
  path: readonly PathPart[],
  problems: ProblemList,
): Promise<Retrieved> {
  const read = await readText(location, access, at, problems, path);
  if (read === "" && location.scheme === "env" && isDefaulted(location, access)) {
    return { node: scalarNode("", at), text: "", embeddedText: "" };
  }
  const text = location.scheme === "file" ? (read ?? "").replace(/\r?\n$/, "") : (read ?? "");
  const isYamlFile = location.scheme === "file" && /\.(ya?ml|json)$/i.test(location.data);
  const findings = isYamlFile ? problems : createProblemList();
  const before = findings.problems.length;
  const file = location.scheme === "file" ? location.data : at.file;
  const { node, hasComment } = parseYaml(text, { file, splitKeys: true }, findings);
  const broken = !node || findings.problems.length > before;
  if (broken && isYamlFile) throw new SourceError(`the file "${location.data}" is not valid YAML`);
  if (broken || (node.kind === "scalar" && typeof node.value === "string")) {
    return { node: scalarNode(text, at), text, embeddedText: text };
  }
  // Comments are read away: what is left of the text would not be what its author sees.
  const ownText = hasComment ? undefined : text;
  return { node: location.scheme === "file" ? node : moveTo(node, at), text: ownText, embeddedText: text };
}

const envNamePattern = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

async function readText(
  location: Location,
  access: SourceAccess,
  at: Position,
  problems: ProblemList,
  path: readonly PathPart[] = [],
): Promise<string | undefined> {
  switch (location.scheme) {
    case "env":
      return readEnv(location, access, at, problems, path);
    case "yaml":
      return location.data;
    case "file":
      return readFileText(location.data, access);
    case "http":
    case "https":
      return fetchSource(location, access);
    default:
      throw new SourceError(unknownScheme(location));
  }
}

function unknownScheme(location: Location): string {
  const text = `scheme "${location.scheme}" is not supported for uri "${location.scheme}:${location.data}"`;
  if (location.data.startsWith("-") && envNamePattern.test(location.scheme)) {
    return `${text} (for a default write \${env:${location.scheme}:${location.data}})`;
  }
  return `${text} (valid schemes: env, file, yaml)`;
}

function splitEnv(location: Location): { name: string; fallback: string | undefined } {
  const split = location.data.indexOf(":-");
  if (split < 0) return { name: location.data, fallback: undefined };
  return { name: location.data.slice(0, split), fallback: location.data.slice(split + 2) };
}

/** True where the variable is unset and the reference gives a default (which may be empty). */
function isDefaulted(location: Location, access: SourceAccess): boolean {
  const { name, fallback } = splitEnv(location);
  return fallback !== undefined && typeof access.env[name] !== "string";
}

function readEnv(
  location: Location,
  access: SourceAccess,
  at: Position,
  problems: ProblemList,
  path: readonly PathPart[],
): string | undefined {
  const { name, fallback } = splitEnv(location);
  if (!envNamePattern.test(name)) {
    throw new SourceError(`environment variable "${name}" has invalid name: must match regex ${envNamePattern.source}`);
  }
  const value = access.env[name];
  if (typeof value === "string") return value;
  if (fallback === undefined) {
    problems.warn(
      at,
      path,
      `Configuration references unset environment variable "${name}" (set it, or write \${env:${name}:-default})`,
    );
  }
  return fallback;
}

async function fetchSource(location: Location, access: SourceAccess): Promise<string> {
  const name = labelOf(location);
  if (!access.fetchText) {
    throw new SourceError(
      `scheme "${location.scheme}" is not supported for uri "${name}" (turned off: download the file and give its path)`,
    );
  }
  try {
    return await access.fetchText(`${location.scheme}:${location.data}`);
  } catch (caught) {
    throw new SourceError(`unable to fetch ${name}: ${reasonOf(caught)}`);
  }
}

async function readFileText(path: string, access: SourceAccess): Promise<string> {
  let content: Uint8Array | string;
  try {
    content = await access.readFile(path);
  } catch (caught) {
    throw new SourceError(`unable to read the file file:${path}: ${reasonOf(caught)}`);
  }
  if (content.length > yamlLimits.maxBytes) {
    throw new SourceError(`unable to read the file file:${path}: larger than ${yamlLimits.maxBytes} bytes`);
  }
  if (typeof content === "string") return content;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    throw new SourceError(`unable to read the file file:${path}: not UTF-8 text`);
  }
}

function reasonOf(caught: unknown): string {
  const code = (caught as { code?: unknown } | undefined)?.code;
  if (code === "ENOENT") return "no such file or directory";
  if (code === "EACCES") return "permission denied";
  if (code === "EISDIR") return "is a directory";
  return caught instanceof Error ? caught.message : String(caught);
}

/** The same tree, every part of it placed at `at`. */
function moveTo(node: Node, at: Position): Node {
  if (node.kind === "scalar") return scalarNode(node.value, at);
  if (node.kind === "list")
    return listNode(
      node.items.map((item) => moveTo(item, at)),
      at,
    );
  const entries = [...node.entries].map(
    ([key, entry]) => [key, { keyAt: at, value: moveTo(entry.value, at) }] as const,
  );
  return mapNode(new Map(entries), at);
}
