/** What is used of the WebAssembly API; TypeScript declares it for browsers only. */
// biome-ignore lint/style/noNamespace: the host declares it as one
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: object);
    /** Booleans come back as 0 and 1, unsigned numbers of 32 bits with a sign. */
    readonly exports: unknown;
  }
  /** It grows and never shrinks; what grew has another buffer. */
  interface Memory {
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
}
