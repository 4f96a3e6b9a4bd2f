import type { DictionaryBuilder, ScopeBuilder } from "../pdata/builder.js";
import { CountedStacks } from "./counted-stacks.js";
import { JsonInput } from "./json-input.js";
import {
  countType,
  maxFrames,
  type StackOptions,
  type StackSummary,
  tooManyFrames,
  wallType,
} from "./stack-options.js";

/*
 * V8's .cpuprofile (node --cpu-prof, Chrome's DevTools):
 * { nodes: [{ id, callFrame: { functionName, url, lineNumber, columnNumber }, children: [id], hitCount }],
 *   startTime, endTime, samples: [node id], timeDeltas: [us] }
 * lineNumber and columnNumber count from 0, and are where the function begins. Older ones name the parent instead of
 * the children, or have no samples but only hitCount.
 */

const format = "cpuprofile";
const json = new JsonInput(format);

interface Node {
  readonly id: number;
  readonly location: number;
  readonly isRoot: boolean;
  parent: Node | undefined;
  hitCount: number;
  /** Index of its stack; -1 = not known yet. */
  stack: number;
}

/**
 * Adds a V8 CPU profile to a batch being built: samples/count and, where it has times, wall/nanoseconds: a sample is
 * worth the time since the one before. V8 samples whether the thread runs or waits, so that this is wall time; the frames
 * (idle), (program) and (garbage collector) stay, (root) goes. Throws InvalidProfilesError.
 */
export function addCpuProfile(scope: ScopeBuilder, bytes: Buffer, options: StackOptions = {}): StackSummary {
  const document = json.parse(bytes, options.maxBytes);
  const tree = new NodeTree(scope.builder);
  const nodes = tree.read(json.array(document.nodes, "nodes"));
  const samples = json.optionalArray(document.samples, "samples");
  const deltas = json.optionalArray(document.timeDeltas, "timeDeltas");
  if (deltas.length > 0 && deltas.length !== samples.length) {
    throw json.fault("timeDeltas", `has ${deltas.length} entries for ${samples.length} samples`);
  }
  const counts = new CountedStacks(format);
  let eventCount = samples.length;
  if (document.samples === undefined) eventCount = addHitCounts(nodes, tree, counts);
  for (let i = 0; i < samples.length; i++) {
    const node = nodes.get(json.integer(samples[i], `samples[${i}]`));
    if (!node) throw json.fault(`samples[${i}]`, `is node ${samples[i]}, which is unknown`);
    const nano = deltas.length === 0 ? 0 : json.integer(deltas[i], `timeDeltas[${i}]`) * 1000;
    counts.add(tree.stack(node), [], 1, exact(nano, i));
  }
  const { attributes, timeUnixNano, durationNano = duration(document) } = options;
  const common = { periodType: wallType, timeUnixNano, durationNano, attributes };
  const profiles = [scope.profile({ ...common, sampleType: countType })];
  if (deltas.length > 0) profiles.push(scope.profile({ ...common, sampleType: wallType }));
  counts.write(...profiles);
  return { sampleTypes: deltas.length > 0 ? [countType, wallType] : [countType], eventCount };
}

function exact(nano: number, i: number): number {
  if (!Number.isSafeInteger(nano)) throw json.fault(`timeDeltas[${i}]`, "is out of range");
  return nano;
}

function duration(document: Record<string, unknown>): bigint {
  if (document.startTime === undefined || document.endTime === undefined) return 0n;
  const micros = json.number(document.endTime, "endTime") - json.number(document.startTime, "startTime");
  if (micros < 0 || micros > 1e15) throw json.fault("endTime", "is not after startTime");
  return BigInt(Math.round(micros * 1000));
}

function addHitCounts(nodes: ReadonlyMap<number, Node>, tree: NodeTree, counts: CountedStacks): number {
  let events = 0;
  for (const node of nodes.values()) {
    if (node.hitCount === 0) continue;
    counts.add(tree.stack(node), [], node.hitCount, 0);
    events += node.hitCount;
  }
  return events;
}

class NodeTree {
  private readonly builder: DictionaryBuilder;
  private frames = 0;

  constructor(builder: DictionaryBuilder) {
    this.builder = builder;
  }

  read(list: readonly unknown[]): Map<number, Node> {
    const nodes = new Map<number, Node>();
    for (let i = 0; i < list.length; i++) {
      const node = this.node(json.object(list[i], `nodes[${i}]`), `nodes[${i}]`);
      if (nodes.has(node.id)) throw json.fault(`nodes[${i}].id`, `is ${node.id}, as another node's`);
      nodes.set(node.id, node);
    }
    for (let i = 0; i < list.length; i++) link(list[i] as Record<string, unknown>, nodes, `nodes[${i}]`);
    return nodes;
  }

  private node(value: Record<string, unknown>, place: string): Node {
    const frame = json.object(value.callFrame, `${place}.callFrame`);
    const name = json.text(frame.functionName, `${place}.callFrame.functionName`);
    const url = json.text(frame.url, `${place}.callFrame.url`);
    const line = json.optionalInteger(frame.lineNumber, `${place}.callFrame.lineNumber`) + 1;
    const column = json.optionalInteger(frame.columnNumber, `${place}.callFrame.columnNumber`) + 1;
    const hitCount = json.optionalInteger(value.hitCount, `${place}.hitCount`);
    if (hitCount < 0) throw json.fault(`${place}.hitCount`, "is negative");
    const { builder } = this;
    const nameIndex = builder.string(name === "" ? "(anonymous)" : name);
    const at = url === "" ? 0 : Math.max(0, line);
    const index = builder.function(nameIndex, nameIndex, builder.string(url), at);
    const location = builder.location({
      lines: [{ function: index, line: at, column: url === "" ? 0 : Math.max(0, column) }],
    });
    const id = json.integer(value.id, `${place}.id`);
    return { id, location, isRoot: name === "(root)" && url === "", parent: undefined, hitCount, stack: -1 };
  }

  /** Index of a node's stack: itself, then its callers. */
  stack(node: Node): number {
    if (node.stack >= 0) return node.stack;
    const locations: number[] = [];
    for (let at: Node | undefined = node; at; at = at.parent) {
      if (!at.isRoot) locations.push(at.location);
      if (++this.frames > maxFrames) throw tooManyFrames(format);
    }
    node.stack = this.builder.stack(locations);
    return node.stack;
  }
}

/** Notes the parent of a node's children, or its own. A node has one parent, so that only a ring can be endless. */
function link(value: Record<string, unknown>, nodes: ReadonlyMap<number, Node>, place: string): void {
  const node = nodes.get(value.id as number) as Node;
  const children = json.optionalArray(value.children, `${place}.children`);
  for (let i = 0; i < children.length; i++) {
    const child = nodes.get(json.integer(children[i], `${place}.children[${i}]`));
    if (!child) throw json.fault(`${place}.children[${i}]`, `is node ${children[i]}, which is unknown`);
    setParent(child, node, `${place}.children[${i}]`);
  }
  if (value.parent === undefined || value.parent === null) return;
  const parent = nodes.get(json.integer(value.parent, `${place}.parent`));
  if (!parent) throw json.fault(`${place}.parent`, `is node ${value.parent}, which is unknown`);
  if (node.parent !== parent) setParent(node, parent, `${place}.parent`);
}

function setParent(child: Node, parent: Node, place: string): void {
  if (child.parent) throw json.fault(place, `gives node ${child.id} a second parent`);
  if (child === parent) throw json.fault(place, "is the node itself");
  child.parent = parent;
}
