import type { ScopeBuilder } from "./scope-builder.js";

/** The name and version of a scope: who made its profiles. */
export interface PayloadScope {
  readonly name: string;
  readonly version: string;
}

/**
 * Profiles in another format, which stand in a batch as they came until somebody looks at them. Whoever makes one has
 * checked it: decoding doesn't fail.
 */
export interface Payload {
  /** As it came. */
  readonly bytes: Buffer;
  /** Sample messages that it decodes to. */
  readonly sampleCount: number;
  /** Bytes to count it as, where sizes are compared: about what it takes decoded. */
  readonly byteSize: number;
  /** The newest end of its profiles in unix nanoseconds, 0 if unknown. */
  readonly endNano: number;
  /** The scope that its profiles belong to; undefined = one without a name. */
  readonly scope: PayloadScope | undefined;
  /**
   * Tells whether a text occurs in it: in its bytes, decompressed, or in any text that it decodes to. No is certain; the
   * answer is of now, and not to be kept.
   */
  textSearch(): (text: string) => boolean;
  /** Adds its profiles to a scope of a batch being built: the same ones every time. */
  decodeInto(scope: ScopeBuilder): void;
}
