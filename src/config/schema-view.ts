import type { z } from "zod";

/** The part of zod's definition objects that reading a schema needs. */
interface Def {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly out?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly left?: z.ZodType;
  readonly right?: z.ZodType;
  readonly getter?: () => z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly catchall?: z.ZodType;
  readonly element?: z.ZodType;
  readonly keyType?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly entries?: Readonly<Record<string, string | number>>;
  readonly values?: readonly unknown[];
  readonly format?: string;
  readonly checks?: readonly {
    readonly _zod: { readonly def: { readonly check: string; readonly format?: string } };
  }[];
}

/** What a component's schema accepts at one place, with the wrappers (optional, default, union, pipe) taken off. */
export interface SchemaView {
  readonly leaves: readonly Leaf[];
  readonly optional: boolean;
  readonly defaulted: boolean;
  readonly acceptsNull: boolean;
  readonly secret: boolean;
  readonly duration: boolean;
  /** `.meta({ bare: "absent" })`: a bare key leaves this optional struct off. */
  readonly bareIsAbsent: boolean;
}

export type Leaf =
  | { readonly type: "object"; readonly shape: Readonly<Record<string, z.ZodType>>; readonly strict: boolean }
  | { readonly type: "record"; readonly value: z.ZodType }
  | { readonly type: "array"; readonly element: z.ZodType | undefined }
  | { readonly type: "choice"; readonly values: readonly unknown[] }
  | { readonly type: "number"; readonly integer: boolean }
  | { readonly type: "string" | "boolean" | "bigint" | "unknown" };

const views = new WeakMap<z.ZodType, SchemaView>();

/** One level of `schema`; what lies below is viewed when it is asked for. */
export function viewSchema(schema: z.ZodType): SchemaView {
  let view = views.get(schema);
  if (!view) {
    const draft: Draft = {
      leaves: [],
      optional: false,
      defaulted: false,
      acceptsNull: false,
      secret: false,
      duration: false,
      bareIsAbsent: false,
    };
    collect(schema, draft);
    view = draft;
    views.set(schema, view);
  }
  return view;
}

interface Draft {
  leaves: Leaf[];
  optional: boolean;
  defaulted: boolean;
  acceptsNull: boolean;
  secret: boolean;
  duration: boolean;
  bareIsAbsent: boolean;
}

function collect(schema: z.ZodType, draft: Draft): void {
  const def = schema._zod.def as unknown as Def;
  const meta = schema.meta?.();
  if (meta?.secret === true) draft.secret = true;
  if (meta?.duration === true) draft.duration = true;
  if (meta?.bare === "absent") draft.bareIsAbsent = true;
  switch (def.type) {
    case "optional":
      draft.optional = true;
      break;
    case "default":
    case "prefault":
      draft.defaulted = true;
      break;
    case "nullable":
    case "null":
      draft.acceptsNull = true;
      break;
  }
  const inner = innerSchemas(def);
  if (inner) for (const next of inner) collect(next, draft);
  else if (def.type !== "null" && def.type !== "undefined") draft.leaves.push(leafOf(def, draft));
}

function innerSchemas(def: Def): readonly z.ZodType[] | undefined {
  if (def.innerType) return [def.innerType];
  if (def.type === "pipe" && def.in && def.out) {
    // z.preprocess is a transform piped into a schema; elsewhere the input side is what the operator writes.
    return [(def.in._zod.def as unknown as Def).type === "transform" ? def.out : def.in];
  }
  if (def.type === "union") return def.options;
  if (def.type === "intersection" && def.left && def.right) return [def.left, def.right];
  if (def.type === "lazy" && def.getter) return [def.getter()];
  return undefined;
}

function leafOf(def: Def, draft: Draft): Leaf {
  switch (def.type) {
    case "object":
      return {
        type: "object",
        shape: def.shape ?? {},
        strict: (def.catchall?._zod.def as unknown as Def | undefined)?.type === "never",
      };
    case "record":
    case "map":
      return { type: "record", value: def.valueType as z.ZodType };
    case "array":
    case "set":
      return { type: "array", element: def.element ?? def.valueType };
    case "tuple":
      return { type: "array", element: undefined };
    case "enum":
      return { type: "choice", values: Object.values(def.entries ?? {}) };
    case "literal":
      return { type: "choice", values: def.values ?? [] };
    case "string":
    case "template_literal":
      return { type: "string" };
    case "number":
      return { type: "number", integer: isInteger(def) };
    case "boolean":
    case "bigint":
      return { type: def.type };
    default:
      draft.acceptsNull = true;
      return { type: "unknown" };
  }
}

function isInteger(def: Def): boolean {
  const formats = [def.format, ...(def.checks ?? []).map((check) => check._zod.def.format)];
  return formats.some((format) => format === "safeint" || format === "int32" || format === "uint32");
}

/** The schemas that may apply at `path` below `schema`. */
export function schemasAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly z.ZodType[] {
  let current: readonly z.ZodType[] = [schema];
  for (const part of path) current = current.flatMap((each) => childSchemas(each, part));
  return current;
}

/** The schemas that may apply to one key or index. */
export function childSchemas(schema: z.ZodType, part: PropertyKey): readonly z.ZodType[] {
  const found: z.ZodType[] = [];
  for (const leaf of viewSchema(schema).leaves) {
    const isKey = typeof part === "string";
    if (leaf.type === "object" && isKey && Object.hasOwn(leaf.shape, part)) found.push(leaf.shape[part]);
    else if (leaf.type === "record" && isKey) found.push(leaf.value);
    else if (leaf.type === "array" && !isKey && leaf.element) found.push(leaf.element);
  }
  return found;
}

/** Keys that the schema knows at this place. */
export function knownKeys(schema: z.ZodType): readonly string[] {
  return viewSchema(schema).leaves.flatMap((leaf) => (leaf.type === "object" ? Object.keys(leaf.shape) : []));
}
