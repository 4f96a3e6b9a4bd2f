import { type AnyValue, findAttribute, type KeyValue } from "../pdata/any-value.js";
import { compileRegExp, RegExpSyntaxError } from "../regexp/regexp.js";
import { AttributeConfigError } from "./action.js";
import type { MatchConfig } from "./match-config.js";
import { rawToValue } from "./raw-value.js";
import { valueToText } from "./text.js";

/** Says whether an item is meant, in two steps: what holds for all items of a scope, and what the item itself has. */
export interface Matcher {
  /** What is asked of resource and scope. */
  matchesPlace(resource: readonly KeyValue[], scopeName: string, scopeVersion: string): boolean;
  /** What is asked of the item's own attributes. */
  matchesItem(attributes: readonly KeyValue[]): boolean;
}

type TextTest = (text: string) => boolean;
type AttributeTest = (attributes: readonly KeyValue[]) => boolean;

/** Throws AttributeConfigError where a pattern is none, or a value can't be matched. */
export function createMatcher(config: MatchConfig): Matcher {
  if (config.services.length + config.resources.length + config.libraries.length + config.attributes.length === 0) {
    throw new AttributeConfigError(
      'at least one of "services", "resources", "libraries" or "attributes" field must be specified',
    );
  }
  const services = config.services.map((service) => textTest(config.match_type, service, "service"));
  const libraries = config.libraries.map(({ name, version }) => ({
    name: textTest(config.match_type, name, "library name"),
    version: version === undefined ? undefined : textTest(config.match_type, version, "library version"),
  }));
  const resources = config.resources.map((each) => attributeTest(config.match_type, each.key, each.value, "resource"));
  const attributes = config.attributes.map((each) =>
    attributeTest(config.match_type, each.key, each.value, "attribute"),
  );
  return {
    matchesPlace(resource, scopeName, scopeVersion) {
      if (services.length > 0) {
        const name = findAttribute(resource, "service.name")?.value;
        if (name?.type !== "string" || !services.some((matches) => matches(name.value))) return false;
      }
      if (!resources.every((matches) => matches(resource))) return false;
      if (libraries.length === 0) return true;
      return libraries.some(({ name, version }) => name(scopeName) && (version === undefined || version(scopeVersion)));
    },
    matchesItem: (list) => attributes.every((matches) => matches(list)),
  };
}

function textTest(matchType: MatchConfig["match_type"], wanted: string, what: string): TextTest {
  if (matchType === "strict") return (text) => text === wanted;
  try {
    return compileRegExp(wanted).test;
  } catch (caught) {
    if (caught instanceof RegExpSyntaxError) {
      throw new AttributeConfigError(`error creating ${what} filters: ${caught.message}`);
    }
    throw caught;
  }
}

/** null stands for no value: the key is enough. */
function attributeTest(matchType: MatchConfig["match_type"], key: string, raw: unknown, what: string): AttributeTest {
  if (raw === undefined || raw === null) return (list) => findAttribute(list, key) !== undefined;
  const wanted = rawToValue(raw);
  if (matchType === "strict") {
    return (list) => {
      const found = findAttribute(list, key);
      return found !== undefined && equalValues(found.value, wanted);
    };
  }
  if (wanted.type !== "string") {
    throw new AttributeConfigError(
      `error creating ${what} filters: match_type=regexp for "${key}" only supports Str, but found ${wanted.type}`,
    );
  }
  const matches = textTest(matchType, wanted.value, what);
  return (list) => {
    const text = textOfScalar(findAttribute(list, key)?.value);
    return text !== undefined && matches(text);
  };
}

function textOfScalar(value: AnyValue | undefined): string | undefined {
  switch (value?.type) {
    case "string":
    case "bool":
    case "int":
    case "double":
      return valueToText(value);
    default:
      return undefined;
  }
}

/** Equal in type and content; 1 and 1.0 differ, entries of maps have no order. */
function equalValues(a: AnyValue, b: AnyValue): boolean {
  if (a.type !== b.type) return false;
  switch (a.type) {
    case "array": {
      const other = b.value as readonly AnyValue[];
      return a.value.length === other.length && a.value.every((each, index) => equalValues(each, other[index]));
    }
    case "map": {
      const other = b.value as readonly KeyValue[];
      if (a.value.length !== other.length) return false;
      return a.value.every((each) => {
        const same = findAttribute(other, each.key);
        return same !== undefined && equalValues(each.value, same.value);
      });
    }
    case "bytes":
      return Buffer.compare(a.value, b.value as Uint8Array) === 0;
    default:
      return a.value === b.value;
  }
}
