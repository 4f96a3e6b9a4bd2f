import type { KeyValue } from "../pdata/any-value.js";

/** The first string attribute with this key; "" = none. */
export function stringAttribute(attributes: readonly KeyValue[], key: string): string {
  for (const attribute of attributes) {
    if (attribute.key === key && attribute.value.type === "string") return attribute.value.value;
  }
  return "";
}

/** The first boolean attribute with this key. */
export function boolAttribute(attributes: readonly KeyValue[], key: string): boolean | undefined {
  for (const attribute of attributes) {
    if (attribute.key === key && attribute.value.type === "bool") return attribute.value.value;
  }
  return undefined;
}
