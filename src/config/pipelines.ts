import type { ReadComponents, SectionName } from "./components.js";
import { sectionScope } from "./diagnose.js";
import { parseId, parsePipelineId } from "./id.js";
import { type Entry, isNull, type MapNode, type Node, typeName } from "./node.js";
import type { PathPart, Position, ProblemList } from "./problem.js";
import { advice, suggest } from "./suggest.js";

/** One pipeline, its ids in the order written. */
export interface PipelineConfig {
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
  readonly position: Position;
}

const roles = ["receivers", "processors", "exporters"] as const;
type Role = (typeof roles)[number];

/** Reads service.pipelines and checks every reference. Pipelines of other signals are refused. */
export function readPipelines(
  node: Node | undefined,
  declared: ReadComponents["declared"],
  problems: ProblemList,
): Map<string, PipelineConfig> {
  const pipelines = new Map<string, PipelineConfig>();
  const map = asMap(node, ["service", "pipelines"], "pipelines.Config", problems);
  for (const [text, entry] of map?.entries ?? []) {
    const parsed = parsePipelineId(text);
    const path = ["service", "pipelines", text];
    if ("error" in parsed) {
      const near = suggest(text.split("/", 1)[0], ["profiles"]);
      problems.error(
        entry.keyAt,
        path,
        `service::pipelines: ${parsed.error}${near ? ` (did you mean "${near}"?)` : ""}`,
      );
      continue;
    }
    if (parsed.type !== "profiles") {
      problems.error(
        entry.keyAt,
        path,
        `service::pipelines::${text}: flamepipe carries profiles only, not ${parsed.type} (remove this pipeline, or name it profiles${parsed.name ? `/${parsed.name}` : ""})`,
      );
      continue;
    }
    if (pipelines.has(parsed.id)) {
      problems.error(entry.keyAt, path, `service::pipelines: duplicate name "${parsed.id}" after trimming spaces`);
      continue;
    }
    const pipeline = readPipeline(parsed.id, entry, declared, problems);
    if (pipeline) pipelines.set(parsed.id, pipeline);
  }
  return pipelines;
}

function readPipeline(
  id: string,
  entry: Entry,
  declared: ReadComponents["declared"],
  problems: ProblemList,
): PipelineConfig | undefined {
  const path = ["service", "pipelines", id];
  if (entry.value.expanded?.failed) return undefined;
  const map = asMap(entry.value, path, "pipelines.PipelineConfig", problems);
  if (!map && !isNull(entry.value)) return undefined;
  const lists: Record<Role, readonly string[]> = { receivers: [], processors: [], exporters: [] };
  for (const [key, child] of map?.entries ?? []) {
    const role = roles.find((each) => each === key);
    if (role) lists[role] = readRole(role, child.value, path, declared, problems);
    else {
      const name = sectionScope(...path).name([]);
      problems.error(child.keyAt, [...path, key], `'${name}' has invalid keys: ${key}${advice(key, roles)}`);
    }
  }
  for (const role of ["receivers", "exporters"] as const) {
    const written = map?.entries.get(role)?.value;
    if (lists[role].length > 0 || (written && !isNull(written) && !isEmptyList(written))) continue;
    problems.error(entry.keyAt, [...path, role], `${path.join("::")}: must have at least one ${role.slice(0, -1)}`);
  }
  return { ...lists, position: entry.keyAt };
}

function isEmptyList(node: Node): boolean {
  return (node.kind === "list" && node.items.length === 0) || (node.kind === "scalar" && node.value === "");
}

interface Reference {
  readonly id: string;
  readonly at: Position;
}

function readRole(
  role: Role,
  node: Node,
  path: readonly string[],
  declared: ReadComponents["declared"],
  problems: ProblemList,
): string[] {
  const ids: string[] = [];
  for (const { id, at } of readIds(node, [...path, role], problems)) {
    const kind = role.slice(0, -1);
    if (!isDeclared(role, id, declared)) {
      const message = `${path.join("::")}: references ${kind} "${id}" which is not configured${whereDeclared(role, id, declared)}`;
      problems.error(at, [...path, role], message);
    } else if (!ids.includes(id)) {
      ids.push(id);
    } else if (role === "processors") {
      problems.error(at, [...path, role], `${path.join("::")}: references ${kind} "${id}" multiple times`);
    }
  }
  return ids;
}

function isDeclared(role: Role, id: string, declared: ReadComponents["declared"]): boolean {
  return declared[role].has(id) || (role !== "processors" && declared.connectors.has(id));
}

function whereDeclared(role: SectionName, id: string, declared: ReadComponents["declared"]): string {
  const elsewhere = (Object.keys(declared) as SectionName[]).find((other) => declared[other].has(id));
  if (elsewhere) return ` ("${id}" is configured under ${elsewhere})`;
  const near = suggest(id, declared[role].keys());
  return near === undefined ? ` (add "${id}:" under ${role})` : ` (did you mean "${near}"?)`;
}

/** A list of ids, or ids in one string with commas between. */
function readIds(node: Node, path: readonly PathPart[], problems: ProblemList): Reference[] {
  if (isNull(node) || node.expanded?.failed) return [];
  const name = sectionScope().name(path);
  const out: Reference[] = [];
  const add = (text: string, at: Position) => {
    const parsed = parseId(text);
    if ("error" in parsed) problems.error(at, path, `'${name}' ${parsed.error}`);
    else out.push({ id: parsed.id, at });
  };
  if (node.kind === "scalar" && typeof node.value === "string") {
    for (const text of node.value === "" ? [] : node.value.split(",")) add(text, node.at);
  } else if (node.kind === "list") {
    for (const [index, item] of node.items.entries()) {
      const text = item.expanded?.text ?? (item.kind === "scalar" ? item.value : undefined);
      if (item.expanded?.failed) continue;
      if (typeof text === "string") add(text, item.at);
      else {
        const message = `'${name}[${index}]' expected type 'string', got unconvertible type '${typeName(item)}' (write a component's id)`;
        problems.error(item.at, path, message);
      }
    }
  } else {
    problems.error(
      node.at,
      path,
      `'${name}' expected type 'list', got unconvertible type '${typeName(node)}' (write it as [a, b])`,
    );
  }
  return out;
}

/** service.extensions: the ids in start order. */
export function readExtensions(
  node: Node | undefined,
  declared: ReadComponents["declared"],
  problems: ProblemList,
): string[] {
  const ids: string[] = [];
  for (const { id, at } of node ? readIds(node, ["service", "extensions"], problems) : []) {
    if (declared.extensions.has(id)) {
      if (!ids.includes(id)) ids.push(id);
      continue;
    }
    const message = `service::extensions: references extension "${id}" which is not configured${whereDeclared("extensions", id, declared)}`;
    problems.error(at, ["service", "extensions"], message);
  }
  return ids;
}

/** The map that belongs at `path`; undefined for null, and for anything else, which is reported. */
export function asMap(
  node: Node | undefined,
  path: readonly string[],
  expected: string,
  problems: ProblemList,
): MapNode | undefined {
  if (!node || isNull(node)) return undefined;
  if (node.kind === "map") return node;
  if (node.expanded?.failed) return undefined;
  const name = path.at(-1);
  problems.error(node.at, path, `'${name}' expected type '${expected}', got unconvertible type '${typeName(node)}'`);
  return undefined;
}
