import { keyValue, stringValue } from "../../src/pdata/any-value.js";
import type { LineFields, LocationFields, ProfilesBuilder } from "../../src/pdata/builder.js";
import type { CodeMapping, CodePlace } from "./code-places.js";
import type { FrameText } from "./frame-text.js";

export type FrameType = "native" | "kernel";

/** Finds the place of an address of one process; `file` is "" where the stream doesn't say in which file it is. */
export type Locate = (address: bigint, file: string) => CodePlace | undefined;

/** What the processes of a batch have in common: kernel frames are the same in all of them. */
export class SharedLocations {
  readonly builder: ProfilesBuilder;
  readonly kernel = new Map<string, number>();
  readonly mappings = new Map<CodeMapping | string, number>();
  readonly types: Readonly<Record<FrameType, readonly number[]>>;

  constructor(builder: ProfilesBuilder) {
    this.builder = builder;
    const type = (name: FrameType) => [builder.attribute(keyValue("profile.frame.type", stringValue(name)))];
    this.types = { native: type("native"), kernel: type("kernel") };
  }
}

const none: readonly never[] = [];

/** location_table indices of one process' frames, found once for each. */
export class ProcessLocations {
  private readonly builder: ProfilesBuilder;
  private readonly shared: SharedLocations;
  private readonly locate: Locate;
  private readonly leaves = new Map<string, number>();
  private readonly callers = new Map<string, number>();

  constructor(shared: SharedLocations, locate: Locate) {
    this.builder = shared.builder;
    this.shared = shared;
    this.locate = locate;
  }

  /**
   * The location of a frame, of which `key` is all that the stream says; `parse` reads that. An address that isn't a leaf's
   * is where the call returns to; the call itself is before it.
   */
  of(type: FrameType, isLeaf: boolean, key: string, parse: (key: string) => FrameText): number {
    const known = type === "kernel" ? this.shared.kernel : isLeaf ? this.leaves : this.callers;
    let location = known.get(key);
    if (location === undefined) {
      location = this.builder.location(this.fields(parse(key), type, isLeaf));
      known.set(key, location);
    }
    return location;
  }

  private fields(frame: FrameText, type: FrameType, isLeaf: boolean): LocationFields {
    const attributes = this.shared.types[type];
    const { address = 0n, symbol, module, inlined = none } = frame;
    if (type === "native" && symbol === "" && address > 0n) {
      const at = isLeaf ? address : address - 1n;
      const place = this.locate(at, module);
      const lines = this.lines(inlined, place?.name ?? "");
      return { address: place?.address ?? at, mapping: this.mapping(place?.mapping ?? module), lines, attributes };
    }
    const lines = this.lines(inlined, symbol);
    // A named frame is one function wherever in it the address lies.
    const file = type === "kernel" ? module || "vmlinux" : module;
    return { address: symbol === "" ? address : 0n, mapping: this.mapping(file), lines, attributes };
  }

  private lines(inlined: readonly string[], symbol: string): readonly LineFields[] {
    if (symbol === "" && inlined.length === 0) return none;
    const names = symbol === "" ? inlined : [...inlined, symbol];
    return names.map((name) => ({ function: this.builder.function(this.builder.string(name)) }));
  }

  /** Of a mapping, or of a file of which only the name is known; "" is none. */
  private mapping(of: CodeMapping | string): number {
    const { mappings } = this.shared;
    let index = mappings.get(of);
    if (index === undefined) {
      index = typeof of === "string" ? this.named(of) : this.placed(of);
      mappings.set(of, index);
    }
    return index;
  }

  private named(file: string): number {
    return file === "" ? 0 : this.builder.mapping({ filename: this.builder.string(file) });
  }

  private placed({ start, limit, fileOffset, file, ids }: CodeMapping): number {
    const attributes: number[] = [];
    for (const kind of ["gnu", "go", "htlhash"] as const) {
      const id = ids?.[kind] ?? "";
      if (id !== "") attributes.push(this.attribute(`process.executable.build_id.${kind}`, id));
    }
    const filename = this.builder.string(file);
    return this.builder.mapping({ memoryStart: start, memoryLimit: limit, fileOffset, filename, attributes });
  }

  private attribute(key: string, value: string): number {
    return this.builder.attribute(keyValue(key, stringValue(value)));
  }
}
