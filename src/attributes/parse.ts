import { type CompiledRegExp, compileRegExp, RegExpSyntaxError } from "../regexp/regexp.js";
import { type AttributeAction, AttributeConfigError, type PutAction } from "./action.js";
import { rawToValue, rawTypeName } from "./raw-value.js";

interface ActionFields {
  key: string;
  value: unknown;
  default_value: unknown;
  pattern: string;
  from_attribute: string;
  from_context: string;
  converted_type: string;
  action: string;
}

/** In the order in which the Collector looks at them. */
const fieldNames = [
  "key",
  "value",
  "default_value",
  "pattern",
  "from_attribute",
  "from_context",
  "converted_type",
  "action",
] as const;

/**
 * Reads and checks a list of attribute actions as the Collector's processors do. Integers in `raw` are bigint, floats
 * number, maps plain objects. `listName` is the key that the list stands under ("actions", "attributes"). Throws
 * AttributeConfigError with the Collector's text, of several type errors the last one.
 */
export function parseAttributeActions(raw: unknown, listName = "actions"): AttributeAction[] {
  const errors: string[] = [];
  const fields = readList(raw, listName, errors);
  const last = errors.pop();
  if (last !== undefined) throw new AttributeConfigError(last);
  if (fields.length === 0) throw new AttributeConfigError(`missing required field "${listName}"`);
  return fields.map(checkAction);
}

function readList(raw: unknown, listName: string, errors: string[]): ActionFields[] {
  if (raw === null || raw === undefined) return [];
  if (!Array.isArray(raw)) {
    const type = typeof raw === "object" ? "map" : rawTypeName(raw);
    errors.push(`'${listName}' source data must be an array or slice, got ${type}`);
    return [];
  }
  return raw.map((item, index) => readAction(item, `${listName}[${index}]`, errors));
}

function readAction(raw: unknown, path: string, errors: string[]): ActionFields {
  const fields: ActionFields = {
    key: "",
    value: null,
    default_value: null,
    pattern: "",
    from_attribute: "",
    from_context: "",
    converted_type: "",
    action: "",
  };
  if (raw === null || raw === undefined) return fields;
  if (typeof raw !== "object" || Array.isArray(raw)) {
    const type = Array.isArray(raw) ? "slice" : rawTypeName(raw);
    errors.push(`'${path}' expected a map or struct, got "${type}"`);
    return fields;
  }
  const given = new Map(Object.entries(raw));
  for (const name of fieldNames) {
    const value = given.get(name);
    given.delete(name);
    if (value === null || value === undefined) continue;
    if (name === "value" || name === "default_value") fields[name] = value;
    else if (typeof value === "string") fields[name] = value;
    else {
      const wanted = name === "action" ? "attraction.Action" : "string";
      errors.push(`'${path}.${name}' expected type '${wanted}', got unconvertible type '${rawTypeName(value)}'`);
    }
  }
  if (given.size > 0) errors.push(`'${path}' has invalid keys: ${[...given.keys()].sort().join(", ")}`);
  return fields;
}

type Fault = (message: string) => AttributeConfigError;

function checkAction(fields: ActionFields, index: number): AttributeAction {
  const action = fields.action.toLowerCase();
  const fault: Fault = (message) =>
    new AttributeConfigError(
      `error with key ${quoteGo(fields.key)} (${index}-th action): error creating AttrProc${message}`,
      index,
    );
  const unused = (text: string): AttributeConfigError => fault(`. Action "${action}" does not use ${text}`);
  checkKey(fields, action, index);
  const sources =
    Number(fields.value !== null) + Number(fields.from_attribute !== "") + Number(fields.from_context !== "");
  switch (action) {
    case "insert":
    case "update":
    case "upsert": {
      if (sources === 0 && fields.default_value === null) {
        throw fault('. Either field "value", "from_attribute", "from_context", or "default_value" must be specified');
      }
      if (sources > 1) throw fault(" due to multiple value sources being set");
      if (fields.pattern !== "") throw unused('the "pattern" field. This must not be specified');
      if (fields.converted_type !== "") throw unused('the "converted_type" field. This must not be specified');
      return putAction(fields, action);
    }
    case "delete":
    case "hash": {
      if (fields.value !== null || fields.from_attribute !== "") {
        throw unused('"value" or "from_attribute" field. These must not be specified');
      }
      const pattern = fields.pattern === "" ? undefined : compilePattern(fields.pattern, fault);
      if (fields.converted_type !== "") throw unused('the "converted_type" field. This must not be specified');
      return { action, key: fields.key, pattern };
    }
    case "extract": {
      if (sources > 0) throw unused("a value source field. These must not be specified");
      if (fields.pattern === "") throw fault(' due to missing required field "pattern" for action "extract"');
      if (fields.converted_type !== "") throw unused('the "converted_type" field. This must not be specified');
      const pattern = compilePattern(fields.pattern, fault);
      if (pattern.groupCount === 0) throw fault('. Field "pattern" contains no named matcher groups');
      if (pattern.groupNames.indexOf("", 1) > 0) {
        throw fault('. Field "pattern" contains at least one unnamed matcher group');
      }
      return { action, key: fields.key, pattern };
    }
    case "convert": {
      if (sources > 0 || fields.pattern !== "") {
        throw unused('value sources or "pattern" field. These must not be specified');
      }
      const type = fields.converted_type;
      if (type === "string" || type === "int" || type === "double") {
        return { action, key: fields.key, convertedType: type };
      }
      if (type === "") throw fault(' due to missing required field "converted_type" for action "convert"');
      throw fault(` due to invalid value "${type}" in field "converted_type" for action "convert"`);
    }
    default:
      throw fault(` due to unsupported action ${quoteGo(action)}`);
  }
}

function checkKey(fields: ActionFields, action: string, index: number): void {
  if (fields.key !== "") return;
  const start = "error creating AttrProc due to missing required field";
  if (action !== "delete" && action !== "hash") {
    throw new AttributeConfigError(`${start} "key" at the ${index}-th action`, index);
  }
  if (fields.pattern === "") {
    throw new AttributeConfigError(
      `${start} (at least one of "key" and "pattern" have to be used) at the ${index}-th action`,
      index,
    );
  }
}

function putAction(fields: ActionFields, action: PutAction["action"]): PutAction {
  const fixed = fields.value !== null;
  return {
    action,
    key: fields.key,
    value: fixed ? rawToValue(fields.value) : undefined,
    fromAttribute: fixed ? "" : fields.from_attribute,
    fromContext: fixed ? "" : fields.from_context,
    defaultValue: fields.default_value === null ? undefined : rawToValue(fields.default_value),
  };
}

function compilePattern(pattern: string, fault: Fault): CompiledRegExp {
  try {
    return compileRegExp(pattern);
  } catch (caught) {
    if (caught instanceof RegExpSyntaxError) throw fault(`. Field "pattern" has invalid pattern: "${pattern}"`);
    throw caught;
  }
}

const goEscapes = new Map([
  ["\u0007", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
  ["\\", "\\\\"],
  ['"', '\\"'],
]);

/** As Go's %q. */
function quoteGo(text: string): string {
  let out = '"';
  for (const point of text) {
    const code = point.codePointAt(0) ?? 0;
    const escaped = goEscapes.get(point);
    if (escaped !== undefined) out += escaped;
    else if (point === " " || /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(point)) out += point;
    else if (code < 0x80) out += `\\x${code.toString(16).padStart(2, "0")}`;
    else if (code <= 0xffff) out += `\\u${code.toString(16).padStart(4, "0")}`;
    else out += `\\U${code.toString(16).padStart(8, "0")}`;
  }
  return `${out}"`;
}
