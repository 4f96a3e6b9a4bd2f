import type { IncomingMessage } from "node:http";

type Values = readonly string[];

/** The headers of an HTTP/1.1 request as metadata; most requests are answered before anybody asks for one. */
export class HeaderMetadata implements ReadonlyMap<string, Values> {
  private readonly raw: readonly string[];
  private read: ReadonlyMap<string, Values> | undefined;

  /** Names and values in turn, as they came. */
  constructor(rawHeaders: IncomingMessage["rawHeaders"]) {
    this.raw = rawHeaders;
  }

  private get map(): ReadonlyMap<string, Values> {
    this.read ??= mapOf(this.raw);
    return this.read;
  }

  get size(): number {
    return this.map.size;
  }
  get(name: string): Values | undefined {
    return this.map.get(name);
  }
  has(name: string): boolean {
    return this.map.has(name);
  }
  keys() {
    return this.map.keys();
  }
  values() {
    return this.map.values();
  }
  entries() {
    return this.map.entries();
  }
  [Symbol.iterator]() {
    return this.map[Symbol.iterator]();
  }
  forEach(visit: (values: Values, name: string, map: ReadonlyMap<string, Values>) => void, thisArg?: unknown): void {
    this.map.forEach(visit, thisArg);
  }
}

function mapOf(raw: readonly string[]): ReadonlyMap<string, Values> {
  const map = new Map<string, string[]>();
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i].toLowerCase();
    const values = map.get(name);
    if (values) values.push(raw[i + 1]);
    else map.set(name, [raw[i + 1]]);
  }
  return map;
}
