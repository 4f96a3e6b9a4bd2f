import { valueToText } from "../../src/attributes/text.js";
import { type AnyValue, type KeyValue, keyValue, stringValue } from "../../src/pdata/any-value.js";
import type { LabelChange, LabelNaming } from "../../src/relabel/label-builder.js";

export type LabelStyle = "dots" | "underscores";

const serviceLabel = "service_name";
const serviceKey = "service.name";

/** Labels that Pyroscope gives a meaning to: they don't vanish with the other ones that begin with "__". */
const lasting = new Set(["__delta__", "__session_id__"]);

/** How attribute keys appear to rules. */
export function createNaming(style: LabelStyle): LabelNaming {
  const alias = (name: string): string | undefined => (name === serviceLabel ? serviceKey : undefined);
  if (style === "underscores") return { canonical: (name) => name.replace(/[^A-Za-z0-9_]/g, "_"), alias };
  return { canonical: (name) => (name === serviceKey ? serviceLabel : name), alias };
}

/** Strings, integers, bools and doubles are labels; lists, maps, bytes and empty values are not (undefined). */
export function labelText(value: AnyValue): string | undefined {
  switch (value.type) {
    case "string":
      return value.value;
    case "int":
    case "bool":
    case "double":
      return valueToText(value);
    default:
      return undefined;
  }
}

/** The labels that rules see. Of several attributes with one label name the first that is visible counts. */
export function labelsOf(attributes: readonly KeyValue[], naming: LabelNaming): Map<string, string> {
  const labels = new Map<string, string>();
  for (let i = 0; i < attributes.length; i++) {
    const text = labelText(attributes[i].value);
    if (text === undefined) continue;
    const name = naming.canonical(attributes[i].key);
    if (!labels.has(name)) labels.set(name, text);
  }
  return labels;
}

/** True if the label is for the rules only, and is taken away after the last one. */
export function vanishes(name: string): boolean {
  return name.startsWith("__") && !lasting.has(name);
}

/**
 * The attributes after the rules. A changed label is written, as a string, to the first attribute of that name, whose
 * place, key and unit stay; a label that went takes all attributes of that name with it; so do labels that vanish.
 * Invisible attributes stay. Returns the same list if nothing changed.
 */
export function writeChanges(
  attributes: readonly KeyValue[],
  changes: readonly LabelChange[],
  naming: LabelNaming,
): readonly KeyValue[] {
  const pending = new Map(changes.map((change) => [change.name, change]));
  const done = new Set<string>();
  const out: KeyValue[] = [];
  let edited = false;
  for (const attribute of attributes) {
    const name = naming.canonical(attribute.key);
    const change = pending.get(name);
    const visible = labelText(attribute.value) !== undefined;
    if ((vanishes(name) || change?.value === "") && visible) edited = true;
    else if (change === undefined || change.value === "" || vanishes(name)) out.push(attribute);
    else {
      edited = true;
      if (done.has(name)) continue;
      done.add(name);
      const key = name === serviceLabel ? serviceKey : attribute.key;
      out.push(keyValue(key, stringValue(change.value), attribute.unit));
    }
  }
  for (const { name, written, value } of changes) {
    if (value === "" || done.has(name) || vanishes(name)) continue;
    edited = true;
    out.push(keyValue(name === serviceLabel ? serviceKey : written, stringValue(value)));
  }
  return edited ? out : attributes;
}
