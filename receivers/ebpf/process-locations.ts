import { keyValue, stringValue } from "../../src/pdata/any-value.js";
import type { LocationFields, ProfilesBuilder } from "../../src/pdata/builder.js";
import type { FrameText } from "./frame-text.js";

export type FrameType = "native" | "kernel";

/** location_table indices of one process' frames, found once for each text of a frame. */
export class ProcessLocations {
  private readonly builder: ProfilesBuilder;
  private readonly leaves = new Map<string, number>();
  private readonly callers = new Map<string, number>();
  private readonly kernel = new Map<string, number>();

  constructor(builder: ProfilesBuilder) {
    this.builder = builder;
  }

  /**
   * The location of a frame that stands as `text` in the stream. An address that isn't a leaf's is where the call returns
   * to; the call itself is before it.
   */
  of(type: FrameType, isLeaf: boolean, text: string, parse: (text: string) => FrameText): number {
    const known = type === "kernel" ? this.kernel : isLeaf ? this.leaves : this.callers;
    let location = known.get(text);
    if (location === undefined) {
      location = this.builder.location(this.fields(parse(text), type, isLeaf));
      known.set(text, location);
    }
    return location;
  }

  private fields(frame: FrameText, type: FrameType, isLeaf: boolean): LocationFields {
    const { address, symbol, module, inlined = [] } = frame;
    const attributes = [this.builder.attribute(keyValue("profile.frame.type", stringValue(type)))];
    const names = symbol === "" ? inlined : [...inlined, symbol];
    const lines = names.map((name) => ({ function: this.builder.function(this.builder.string(name)) }));
    const file = type === "kernel" ? module || "vmlinux" : module;
    const mapping = file === "" ? 0 : this.builder.mapping({ filename: this.builder.string(file) });
    // A named frame is one function wherever in it the address lies.
    const at = symbol !== "" || address === undefined ? 0n : isLeaf || address === 0n ? address : address - 1n;
    return { address: at, lines, mapping, attributes };
  }
}
