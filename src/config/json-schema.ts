import { z } from "zod";
import type { AnyFactory, Factories } from "../component/factory.js";
import { type SectionName, sectionNames } from "./components.js";
import { telemetrySchema } from "./telemetry-schema.js";

type Json = Record<string, unknown>;

const reference = "\\$\\{";
/** Go's notation, or a reference. */
const durationPattern = "^[+-]?(0|((\\d+\\.?\\d*|\\.\\d+)(ns|us|µs|μs|ms|s|m|h))+)$|\\$\\{";
const nameSuffix = "(/.+)?$";

/** A component's schema as JSON Schema: what an operator may write, before defaults and conversions. */
export function componentJsonSchema(schema: z.ZodType): Json {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Json;
  delete json.$schema;
  return json;
}

/**
 * The JSON Schema of a configuration file, for editors. It is wider than validation where text can't tell: a reference
 * may stand for any value, a null for its default, and "a::b" for a path.
 */
export function configJsonSchema(factories: Factories): Json {
  const definitions: Json = { "service.telemetry": relax(componentJsonSchema(telemetrySchema), "service.telemetry") };
  const properties: Json = {};
  for (const section of sectionNames) properties[section] = sectionSchema(section, factories[section], definitions);
  properties.service = serviceSchema();
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "flamepipe configuration",
    type: "object",
    properties,
    patternProperties: { "::": true },
    additionalProperties: false,
    $defs: definitions,
  };
}

function sectionSchema(section: SectionName, factories: readonly AnyFactory[], definitions: Json): Json {
  const patternProperties: Json = {};
  for (const factory of factories) {
    const name = `${section}.${factory.type}`;
    definitions[name] = {
      description: factory.summary,
      ...relax(componentJsonSchema(factory.schema as z.ZodType), name),
    };
    const types = [factory.type, ...(factory.aliases ?? [])];
    const key = types.length === 1 ? types[0] : `(${types.join("|")})`;
    patternProperties[`^${key}${nameSuffix}`] = { $ref: `#/$defs/${name}` };
  }
  patternProperties["::"] = true;
  return { type: ["object", "null"], patternProperties, additionalProperties: false };
}

function serviceSchema(): Json {
  const ids = { type: ["array", "string", "null"], items: { type: "string" } };
  const pipeline = {
    type: ["object", "null"],
    properties: { receivers: ids, processors: ids, exporters: ids },
    additionalProperties: false,
  };
  return {
    type: ["object", "null"],
    properties: {
      extensions: { description: "Extensions to start, in this order.", ...ids },
      pipelines: {
        description: "What flows where.",
        type: ["object", "null"],
        patternProperties: { [`^profiles${nameSuffix}`]: pipeline, "::": true },
        additionalProperties: false,
      },
      telemetry: { description: "The collector's own logs, metrics and spans.", $ref: "#/$defs/service.telemetry" },
    },
    patternProperties: { "::": true },
    additionalProperties: false,
  };
}

const annotations = ["description", "default", "title", "deprecated", "examples"];

/** Widens one schema, in place of its own copy: see configJsonSchema. `name` is where it will stand in $defs. */
function relax(schema: Json, name: string): Json {
  const { secret, duration, bare, ...own } = schema;
  if (secret === true) own.writeOnly = true;
  if (typeof own.$ref === "string") own.$ref = own.$ref.replace(/^#/, `#/$defs/${name}`);
  if (duration === true) return { ...kept(own), type: ["string", "integer", "null"], pattern: durationPattern };
  for (const key of ["properties", "patternProperties", "$defs"]) {
    if (isObject(own[key])) own[key] = mapValues(own[key], (child) => relax(child, name));
  }
  for (const key of ["items", "additionalProperties", "propertyNames"]) {
    if (isObject(own[key])) own[key] = relax(own[key], name);
  }
  for (const key of ["anyOf", "allOf", "oneOf", "prefixItems"]) {
    if (Array.isArray(own[key])) own[key] = own[key].map((child) => (isObject(child) ? relax(child, name) : child));
  }
  if (Array.isArray(own.enum)) {
    return { ...kept(own), anyOf: [{ enum: own.enum }, { type: ["string", "null"], pattern: reference }] };
  }
  return widenType(own);
}

function widenType(schema: Json): Json {
  switch (schema.type) {
    case "integer":
    case "number":
    case "boolean": {
      const widened: Json = { ...schema, type: [schema.type, "string", "null"], pattern: reference };
      // What every integer of JavaScript keeps to tells nobody anything.
      if (widened.minimum === Number.MIN_SAFE_INTEGER) delete widened.minimum;
      if (widened.maximum === Number.MAX_SAFE_INTEGER) delete widened.maximum;
      return widened;
    }
    case "array":
      // One string with commas fills a list, too.
      return { ...schema, type: ["array", "string", "null"] };
    case "object": {
      const open = schema.additionalProperties === false;
      const patternProperties = open ? { ...(schema.patternProperties as Json), "::": true } : schema.patternProperties;
      const widened = { ...schema, type: ["object", "string", "null"], pattern: reference };
      return patternProperties === undefined ? widened : { ...widened, patternProperties };
    }
    case "string":
      return { ...schema, type: ["string", "null"] };
    default:
      return schema;
  }
}

function kept(schema: Json): Json {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => annotations.includes(key)));
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mapValues(object: Json, change: (child: Json) => Json): Json {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key, isObject(value) ? change(value) : value]),
  );
}
