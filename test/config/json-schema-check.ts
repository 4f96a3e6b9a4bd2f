type Json = Record<string, unknown>;

/** What a value breaks of a JSON Schema, by path: the keywords that config/schema.json is made of, and no others. */
export function violations(root: Json, value: unknown, schema: unknown = root, path = ""): string[] {
  if (schema === true) return [];
  if (schema === false) return [`${path} is not allowed`];
  const rules = schema as Json;
  if (typeof rules.$ref === "string") return violations(root, value, resolve(root, rules.$ref), path);
  const found: string[] = [];
  for (const [keyword, rule] of Object.entries(rules)) found.push(...check(root, value, keyword, rule, path));
  if (isObject(value))
    for (const [key, child] of Object.entries(value)) found.push(...checkKey(root, key, child, rules, path));
  return found;
}

function checkKey(root: Json, key: string, child: unknown, rules: Json, path: string): string[] {
  const at = `${path}.${key}`;
  const properties = (rules.properties ?? {}) as Json;
  const patterns = Object.entries((rules.patternProperties ?? {}) as Json).filter(([p]) =>
    new RegExp(p, "u").test(key),
  );
  const schemas = [
    ...(Object.hasOwn(properties, key) ? [properties[key]] : []),
    ...patterns.map(([, schema]) => schema),
  ];
  if (schemas.length === 0) return violations(root, child, rules.additionalProperties ?? true, at);
  return schemas.flatMap((schema) => violations(root, child, schema, at));
}

function resolve(root: Json, reference: string): unknown {
  let at: unknown = root;
  for (const part of reference.replace(/^#\/?/, "").split("/").filter(Boolean)) at = (at as Json)[part];
  if (at === undefined) throw new Error(`no ${reference}`);
  return at;
}

function check(root: Json, value: unknown, keyword: string, rule: unknown, path: string): string[] {
  switch (keyword) {
    case "type":
      return [rule].flat().some((type) => isType(value, type as string)) ? [] : [`${path} is not ${[rule].flat()}`];
    case "enum":
      return (rule as unknown[]).includes(value) ? [] : [`${path} is not one of ${rule}`];
    case "const":
      return value === rule ? [] : [`${path} is not ${rule}`];
    case "pattern":
      return typeof value !== "string" || new RegExp(rule as string, "u").test(value) ? [] : [`${path} is not ${rule}`];
    case "minimum":
      return typeof value !== "number" || value >= (rule as number) ? [] : [`${path} is below ${rule}`];
    case "maximum":
      return typeof value !== "number" || value <= (rule as number) ? [] : [`${path} is above ${rule}`];
    case "exclusiveMinimum":
      return typeof value !== "number" || value > (rule as number) ? [] : [`${path} is not above ${rule}`];
    case "minLength":
      return typeof value !== "string" || value.length >= (rule as number) ? [] : [`${path} is too short`];
    case "minItems":
      return !Array.isArray(value) || value.length >= (rule as number) ? [] : [`${path} has too few items`];
    case "anyOf":
    case "oneOf": {
      const branches = (rule as unknown[]).map((branch) => violations(root, value, branch, path));
      return branches.some((branch) => branch.length === 0) ? [] : [`${path} fits no alternative`];
    }
    case "items":
      return Array.isArray(value) ? value.flatMap((item, i) => violations(root, item, rule, `${path}[${i}]`)) : [];
    case "required":
      return isObject(value)
        ? (rule as string[]).flatMap((key) => (key in value ? [] : [`${path}.${key} is missing`]))
        : [];
    case "properties":
    case "patternProperties":
    case "additionalProperties":
      // Together, once, below.
      return [];
    case "description":
    case "default":
    case "title":
    case "writeOnly":
    case "propertyNames":
    case "$schema":
    case "$defs":
      return [];
    default:
      throw new Error(`${path}: keyword ${keyword} is not known here`);
  }
}

function isType(value: unknown, type: string): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isObject(value);
  if (type === "integer") return Number.isInteger(value);
  return typeof value === type;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
