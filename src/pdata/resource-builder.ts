import { LEN, Writer } from "../proto/wire.js";
import type { KeyValue } from "./any-value.js";
import { encodeKeyValue } from "./any-value-codec.js";
import type { DictionaryBuilder } from "./dictionary-builder.js";
import type { ScanResult } from "./scan.js";
import { ScopeBuilder, type Sizes, sizesOf } from "./scope-builder.js";

/** A Resource message without content. */
const emptyResource = Buffer.from([0x0a, 0x00]);

/** A ResourceProfiles message without its profiles. */
export function resourceHead(attributes: readonly KeyValue[], schemaUrl = ""): Buffer {
  if (attributes.length === 0 && schemaUrl === "") return emptyResource;
  const head = new Writer(64 + 48 * attributes.length);
  head.message(1, () => {
    for (const attribute of attributes) head.message(1, () => encodeKeyValue(head, attribute));
  });
  if (schemaUrl !== "") head.string(3, schemaUrl);
  return head.finish();
}

/** One resource of a batch being built. */
export class ResourceBuilder {
  private readonly builder: DictionaryBuilder;
  private readonly head: Buffer;
  private readonly scopes: ScopeBuilder[] = [];

  constructor(builder: DictionaryBuilder, head: Buffer) {
    this.builder = builder;
    this.head = head;
  }

  scope(name = "", version = "", attributes: readonly KeyValue[] = []): ScopeBuilder {
    const scope = new ScopeBuilder(this.builder, name, version, attributes);
    this.scopes.push(scope);
    return scope;
  }

  release(): void {
    for (const scope of this.scopes) for (const profile of scope.profiles) profile.release();
  }

  get profileCount(): number {
    return this.scopes.reduce((sum, scope) => sum + scope.profiles.length, 0);
  }

  measure(): Sizes {
    return sizesOf(
      this.head.length,
      this.scopes.map((scope) => scope.measure()),
    );
  }

  write(out: Writer, sizes: Sizes, scanned: ScanResult, index: number): void {
    out.tag(1, LEN);
    out.varint(sizes.bytes);
    scanned.resources[4 * index] = out.pos;
    out.raw(this.head, 0, this.head.length);
    const before = scanned.sampleCount;
    for (const [i, scope] of this.scopes.entries()) scope.write(out, sizes.parts[i], scanned);
    scanned.resources[4 * index + 1] = out.pos;
    scanned.resources[4 * index + 2] = scanned.sampleCount - before;
  }
}
