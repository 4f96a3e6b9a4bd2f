import type { KeyValue } from "../pdata/any-value.js";
import type { Dictionary } from "../pdata/dictionary.js";
import { stringAttribute } from "./typed-attributes.js";

/**
 * Functions that stand in for the ones of frames that have none, named by where the frame is: `binary+0x1f`, `0x1f`, or by
 * its frame type, `[v8js]`, where there is no address. Their ids follow those of the dictionary's functions.
 */
export class AddressNames {
  private readonly dictionary: Dictionary;
  private readonly names: string[] = [];
  private readonly idsByName = new Map<string, number>();
  /** Per mapping: the name of its file without folders. */
  private readonly binaries: (string | undefined)[] = [];

  constructor(dictionary: Dictionary) {
    this.dictionary = dictionary;
  }

  /** The function of the frame at this location, which has this address (0 = none) in this mapping. */
  idOf(location: number, mapping: number, address: bigint): number {
    const binary = this.binaryOf(mapping);
    let name = this.typeOf(location, binary, address);
    name ??= `${binary === "" ? "" : `${binary}+`}0x${address.toString(16)}`;
    let id = this.idsByName.get(name);
    if (id === undefined) {
      id = this.dictionary.functionCount + this.names.push(name) - 1;
      this.idsByName.set(name, id);
    }
    return id;
  }

  nameOf(id: number): string {
    return this.names[id - this.dictionary.functionCount];
  }

  private binaryOf(mapping: number): string {
    let binary = this.binaries[mapping];
    if (binary === undefined) {
      const file = this.dictionary.string(this.dictionary.mapping(mapping).filenameIndex);
      binary = file.slice(file.lastIndexOf("/") + 1);
      this.binaries[mapping] = binary;
    }
    return binary;
  }

  /** The name of a frame of which nothing but its type is known. */
  private typeOf(location: number, binary: string, address: bigint): string | undefined {
    if (address !== 0n || binary !== "") return undefined;
    const attributes: KeyValue[] = [];
    for (const index of this.dictionary.location(location).attributeIndices) {
      attributes.push(this.dictionary.attribute(index));
    }
    return `[${stringAttribute(attributes, "profile.frame.type") || "unknown"}]`;
  }
}
