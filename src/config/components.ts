import type { z } from "zod";
import type {
  AnyFactory,
  ConnectorFactory,
  ExporterFactory,
  ExtensionFactory,
  Factories,
  ProcessorFactory,
  ReceiverFactory,
} from "../component/factory.js";
import { conform } from "./conform.js";
import { componentScope, reportIssues, validate } from "./diagnose.js";
import { parseId } from "./id.js";
import { isNull, type MapNode, mapNode, type Node, typeName } from "./node.js";
import type { Position, ProblemList } from "./problem.js";
import { suggest } from "./suggest.js";

/** A component that the configuration declares, its config validated and with defaults. */
export interface ConfiguredComponent<F extends AnyFactory> {
  readonly id: string;
  readonly factory: F;
  /** The schema's output: what the factory's `create` takes. */
  readonly config: unknown;
  readonly position: Position;
}

/** Component sections by id, in the order written. */
export interface ComponentSections {
  readonly receivers: Map<string, ConfiguredComponent<ReceiverFactory>>;
  readonly processors: Map<string, ConfiguredComponent<ProcessorFactory>>;
  readonly exporters: Map<string, ConfiguredComponent<ExporterFactory>>;
  readonly connectors: Map<string, ConfiguredComponent<ConnectorFactory>>;
  readonly extensions: Map<string, ConfiguredComponent<ExtensionFactory>>;
}

export type SectionName = keyof ComponentSections;

export const sectionNames: readonly SectionName[] = [
  "receivers",
  "processors",
  "exporters",
  "connectors",
  "extensions",
];

export interface ReadComponents {
  readonly sections: ComponentSections;
  /** Every id that is written, whether or not its config is right: so that a reference to it is not a second error. */
  readonly declared: Readonly<Record<SectionName, ReadonlyMap<string, Position>>>;
}

/** Reads and validates all component sections of the expanded configuration. */
export function readComponents(root: MapNode, factories: Factories, problems: ProblemList): ReadComponents {
  const read = <F extends AnyFactory>(section: SectionName, list: readonly F[]) =>
    readSection(root, section, list, factories, problems);
  const receivers = read("receivers", factories.receivers);
  const processors = read("processors", factories.processors);
  const exporters = read("exporters", factories.exporters);
  const connectors = read("connectors", factories.connectors);
  const extensions = read("extensions", factories.extensions);
  return {
    sections: {
      receivers: receivers.components,
      processors: processors.components,
      exporters: exporters.components,
      connectors: connectors.components,
      extensions: extensions.components,
    },
    declared: {
      receivers: receivers.declared,
      processors: processors.declared,
      exporters: exporters.declared,
      connectors: connectors.declared,
      extensions: extensions.declared,
    },
  };
}

/** The factory that answers to `type`, by name or by alias. */
export function findFactory<F extends AnyFactory>(factories: readonly F[], type: string): F | undefined {
  return (
    factories.find((factory) => factory.type === type) ?? factories.find((factory) => factory.aliases?.includes(type))
  );
}

function readSection<F extends AnyFactory>(
  root: MapNode,
  section: SectionName,
  list: readonly F[],
  factories: Factories,
  problems: ProblemList,
): { components: Map<string, ConfiguredComponent<F>>; declared: Map<string, Position> } {
  const components = new Map<string, ConfiguredComponent<F>>();
  const declared = new Map<string, Position>();
  const node = root.entries.get(section)?.value;
  if (!node || isNull(node)) return { components, declared };
  if (node.kind !== "map") {
    if (!node.expanded?.failed) {
      problems.error(
        node.at,
        [section],
        `'${section}' expected type 'map', got unconvertible type '${typeName(node)}' (write each component as a key)`,
      );
    }
    return { components, declared };
  }
  for (const [text, entry] of node.entries) {
    const parsed = parseId(text);
    if ("error" in parsed) {
      problems.error(entry.keyAt, [section, text], `'${section}' ${parsed.error}`);
      continue;
    }
    if (declared.has(parsed.id)) {
      problems.error(entry.keyAt, [section, text], `'${section}' duplicate name "${parsed.id}" after trimming spaces`);
      continue;
    }
    declared.set(parsed.id, entry.keyAt);
    const factory = findFactory(list, parsed.type);
    if (!factory) {
      const message = unknownType(section, parsed, list, factories);
      problems.error(entry.keyAt, [section, parsed.id], message);
      continue;
    }
    if (factory.type !== parsed.type) {
      const message = `'${section}' "${parsed.type}" alias is deprecated; use "${factory.type}" instead`;
      problems.warn(entry.keyAt, [section, parsed.id], message);
    }
    const config = readConfig(section, parsed.id, factory, entry.value, entry.keyAt, problems);
    if (config) components.set(parsed.id, { id: parsed.id, factory, config: config.value, position: entry.keyAt });
  }
  return { components, declared };
}

function readConfig(
  section: SectionName,
  id: string,
  factory: AnyFactory,
  node: Node,
  keyAt: Position,
  problems: ProblemList,
): { value: unknown } | undefined {
  const schema = factory.schema as z.ZodType;
  const scope = componentScope(section, id);
  const before = problems.problems.length;
  const root = isNull(node) ? mapNode(new Map(), keyAt) : node;
  if (root.kind !== "map" && root.expanded?.failed) return undefined;
  const input = conform(schema, root, scope, problems);
  const parsed = validate(schema, input);
  if (!parsed.success) reportIssues(parsed.error.issues, { schema, root, keyAt, scope }, problems);
  if (!parsed.success || problems.problems.length > before) return undefined;
  return { value: parsed.data };
}

function unknownType(
  section: SectionName,
  parsed: { id: string; type: string },
  list: readonly AnyFactory[],
  factories: Factories,
): string {
  if (section === "exporters" && parsed.type === "logging") {
    return `'exporters' the logging exporter has been deprecated, use the debug exporter instead`;
  }
  const types = list.map((factory) => factory.type).sort();
  const text = `'${section}' unknown type: "${parsed.type}" for id: "${parsed.id}" (valid values: [${types.join(" ")}])`;
  const elsewhere = sectionNames.find((other) => findFactory<AnyFactory>(factories[other], parsed.type));
  if (elsewhere) return `${text} ("${parsed.type}" belongs under ${elsewhere})`;
  const near = suggest(parsed.type, types);
  return near === undefined ? text : `${text} (did you mean "${near}"?)`;
}
