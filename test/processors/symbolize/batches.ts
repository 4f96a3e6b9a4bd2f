import { intValue, keyValue, stringValue } from "../../../src/pdata/any-value.js";
import { ProfilesBuilder } from "../../../src/pdata/builder.js";
import { Profiles } from "../../../src/pdata/profiles.js";

/** One frame: an address in a mapping, or a function that has its name already. */
export interface PlainFrame {
  readonly address?: number;
  readonly mapping?: number;
  readonly function?: string;
  /** Value of profile.frame.type; "" leaves it out. Default native. */
  readonly type?: string;
}

export interface PlainMapping {
  readonly file: string;
  readonly gnu?: string;
  readonly htlhash?: string;
  readonly start?: number;
  readonly limit?: number;
  readonly offset?: number;
}

export interface PlainProcess {
  readonly pid?: number;
  readonly service?: string;
  readonly executable?: string;
  /** Leaf first. */
  readonly stacks: readonly (readonly PlainFrame[])[];
}

/** A batch with one resource per process and one sample per stack. */
export function batchOf(
  mappings: readonly PlainMapping[],
  processes: readonly PlainProcess[],
  timeUnixNano = 0n,
): Profiles {
  const builder = new ProfilesBuilder();
  const text = (key: string, value: string) => keyValue(key, stringValue(value));
  const mappingAt = mappings.map(({ file, gnu, htlhash, start = 0, limit = 0, offset = 0 }) => {
    const attributes: number[] = [];
    if (gnu !== undefined) attributes.push(builder.attribute(text("process.executable.build_id.gnu", gnu)));
    if (htlhash !== undefined) attributes.push(builder.attribute(text("process.executable.build_id.htlhash", htlhash)));
    return builder.mapping({
      filename: builder.string(file),
      memoryStart: BigInt(start),
      memoryLimit: BigInt(limit),
      fileOffset: BigInt(offset),
      attributes,
    });
  });
  const location = (frame: PlainFrame): number => {
    const type = frame.type ?? "native";
    return builder.location({
      address: BigInt(frame.address ?? 0),
      mapping: frame.address === undefined ? 0 : mappingAt[frame.mapping ?? 0],
      lines: frame.function === undefined ? [] : [{ function: builder.function(builder.string(frame.function)) }],
      attributes: type === "" ? [] : [builder.attribute(text("profile.frame.type", type))],
    });
  };
  for (const { pid, service, executable, stacks } of processes) {
    const attributes = [
      ...(pid === undefined ? [] : [keyValue("process.pid", intValue(BigInt(pid)))]),
      ...(service === undefined ? [] : [text("service.name", service)]),
      ...(executable === undefined ? [] : [text("process.executable.path", executable)]),
    ];
    const sampleType = { type: "samples", unit: "count" };
    const profile = builder.resource(attributes).scope().profile({ sampleType, timeUnixNano });
    for (const stack of stacks) profile.sample(builder.stack(stack.map(location)), [], 0, [1n]);
  }
  return builder.finish();
}

/** Stacks as text: names of the functions of each frame, innermost first; addresses where there are none. */
export function stacksOf(profiles: Profiles): string[][] {
  const sent = Profiles.parse(Buffer.concat(profiles.encode()));
  const { dictionary } = sent;
  const frameText = (index: number): string => {
    const { address, lines } = dictionary.location(index);
    if (lines.length === 0) return `0x${address.toString(16)}`;
    return lines
      .map(({ functionIndex, line }) => {
        const { nameIndex, filenameIndex } = dictionary.function(functionIndex);
        const file = dictionary.string(filenameIndex);
        return `${dictionary.string(nameIndex)}${file === "" ? "" : ` ${file}:${line}`}`;
      })
      .join(" < ");
  };
  return sent.resources.flatMap(({ scopes }) =>
    scopes.flatMap(({ profiles }) =>
      profiles.flatMap((profile) =>
        Array.from(profile.stacks(), (stack) => Array.from(dictionary.stack(stack), frameText)),
      ),
    ),
  );
}
