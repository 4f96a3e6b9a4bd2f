import { invalid } from "./invalid.js";
import type { JfrCursor, JfrLong } from "./jfr-cursor.js";

/*
 * Metadata event: size, type 0, startTime, duration, metadataId, strings, then a tree of elements:
 * element = name, attributes (key, value), children (elements); all names and values are indices of the strings.
 * root > metadata > class { id, name } > field { name, class, constantPool, dimension }
 */

export interface JfrField {
  readonly name: string;
  readonly classId: JfrLong;
  readonly inPool: boolean;
  readonly isArray: boolean;
}

/** How a value of a class is written: its fields one by one, or one of JFR's primitives. */
export type JfrForm = "fields" | "byte" | "long" | "float" | "double" | "string";

export interface JfrClass {
  readonly id: JfrLong;
  readonly name: string;
  readonly form: JfrForm;
  readonly fields: readonly JfrField[];
}

const maxDepth = 16;
const primitives: ReadonlyMap<string, JfrForm> = new Map([
  ["boolean", "byte"],
  ["byte", "byte"],
  ["char", "long"],
  ["short", "long"],
  ["int", "long"],
  ["long", "long"],
  ["float", "float"],
  ["double", "double"],
  ["java.lang.String", "string"],
]);

interface Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly Element[];
}

/** Reads a metadata event, whose size and type have been read. */
export function readMetadata(cursor: JfrCursor): Map<JfrLong, JfrClass> {
  for (let i = 0; i < 3; i++) cursor.long();
  const strings: string[] = [];
  for (let n = cursor.count(); n > 0; n--) {
    const text = cursor.string();
    strings.push(typeof text === "string" ? text : "");
  }
  const classes = new Map<JfrLong, JfrClass>();
  collectClasses(readElement(cursor, strings, 0), classes);
  return classes;
}

function readElement(cursor: JfrCursor, strings: readonly string[], depth: number): Element {
  if (depth > maxDepth) throw invalid("jfr", "metadata is nested too deep");
  const text = (): string => {
    const found = strings[cursor.size()];
    if (found === undefined) throw invalid("jfr", "metadata refers to a string that isn't there");
    return found;
  };
  const name = text();
  const attributes = new Map<string, string>();
  for (let n = cursor.count(); n > 0; n--) attributes.set(text(), text());
  const children: Element[] = [];
  for (let n = cursor.count(); n > 0; n--) children.push(readElement(cursor, strings, depth + 1));
  return { name, attributes, children };
}

function collectClasses(element: Element, into: Map<JfrLong, JfrClass>): void {
  if (element.name === "class") {
    const id = idOf(element.attributes.get("id"));
    const fields = element.children.filter(({ name }) => name === "field").map(readField);
    const name = element.attributes.get("name") ?? "";
    into.set(id, { id, name, form: primitives.get(name) ?? "fields", fields });
    return;
  }
  for (const child of element.children) collectClasses(child, into);
}

function readField({ attributes }: Element): JfrField {
  return {
    name: attributes.get("name") ?? "",
    classId: idOf(attributes.get("class")),
    inPool: attributes.get("constantPool") === "true",
    isArray: (attributes.get("dimension") ?? "0") !== "0",
  };
}

function idOf(text: string | undefined): JfrLong {
  if (text === undefined || !/^-?\d{1,19}$/.test(text)) throw invalid("jfr", "metadata has a class without an id");
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}
