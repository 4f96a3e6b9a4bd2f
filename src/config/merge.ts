import { type Entry, mapNode, type Node, scalarNode } from "./node.js";
import { parseYaml } from "./parse-yaml.js";
import type { Position, ProblemList } from "./problem.js";

/** `over` on top of `base`: maps merge recursively; scalars and lists are replaced; an explicit null erases. */
export function mergeNodes(base: Node, over: Node): Node {
  if (base.kind !== "map" || over.kind !== "map") return over;
  const entries = new Map<string, Entry>(base.entries);
  for (const [key, entry] of over.entries) {
    const present = entries.get(key);
    entries.set(key, present ? { keyAt: entry.keyAt, value: mergeNodes(present.value, entry.value) } : entry);
  }
  return mapNode(entries, over.entries.size > 0 ? over.at : base.at);
}

/**
 * `--set a.b.c=value` as a tree. Every "." separates, so keys that contain dots can't be set; the value is YAML.
 * Positions name the option without its value, which may be a secret.
 */
export function parseSet(argument: string, problems: ProblemList): Node | undefined {
  const equals = argument.indexOf("=");
  const name = equals < 0 ? argument : argument.slice(0, equals);
  const at: Position = { file: `--set ${name}`, line: 1, column: 1 };
  if (equals < 0) {
    problems.error(at, [], "missing equal sign (write --set key.path=value)");
    return undefined;
  }
  const keys = name.split(/\.|::/);
  if (keys.includes("") || keys.includes("__proto__")) {
    problems.error(at, [], `invalid key "${name}" (write --set key.path=value)`);
    return undefined;
  }
  const parsed = parseYaml(argument.slice(equals + 1), { file: at.file, splitKeys: true }, problems).node;
  if (!parsed) return undefined;
  let node: Node = parsed.kind === "scalar" ? scalarNode(parsed.value, at) : parsed;
  for (const key of keys.reverse()) node = mapNode(new Map([[key, { keyAt: at, value: node }]]), at);
  return node;
}
