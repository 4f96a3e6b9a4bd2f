import { Profiles } from "../../../src/pdata/profiles.js";
import { encodeRequest } from "../../support/otlp-oracle.js";

/** A frame: a function's name, functions inlined into each other (innermost first), or an address in a binary. */
export type Frame = string | readonly string[] | { readonly binary?: string; readonly address: number };

export interface SmallProfile {
  /** Of service.name; absent = none. */
  readonly service?: string;
  readonly executable?: string;
  /** type, unit; default samples, count. */
  readonly sampleType?: readonly [string, string];
  /** type, unit, period. */
  readonly period?: readonly [string, string, number];
  /** Stacks, innermost frame first, with a value, or with nothing but timestamps. */
  readonly samples: readonly {
    readonly stack: readonly Frame[];
    readonly value?: number;
    readonly times?: readonly number[];
  }[];
}

/** A request with one resource per profile, as the wire has it. */
export function smallProfiles(...profiles: readonly SmallProfile[]): Profiles {
  const strings = [""];
  const functions: object[] = [{}];
  const mappings: object[] = [{}];
  const locations: object[] = [{}];
  const stacks: object[] = [{}];
  const text = (value: string) => {
    const found = strings.indexOf(value);
    return found >= 0 ? found : strings.push(value) - 1;
  };
  const location = (frame: Frame) => {
    if (typeof frame === "object" && "address" in frame) {
      const mapping = frame.binary === undefined ? 0 : mappings.push({ filename_strindex: text(frame.binary) }) - 1;
      return locations.push({ mapping_index: mapping, address: frame.address }) - 1;
    }
    const names = typeof frame === "string" ? [frame] : frame;
    const lines = names.map((name) => ({ function_index: functions.push({ name_strindex: text(name) }) - 1 }));
    return locations.push({ lines }) - 1;
  };
  const resources = profiles.map((profile) => {
    const [type, unit] = profile.sampleType ?? ["samples", "count"];
    const [periodType, periodUnit, period] = profile.period ?? ["", "", 0];
    const attribute = (key: string, value: string | undefined) =>
      value === undefined ? [] : [{ key, value: { string_value: value } }];
    const samples = profile.samples.map(({ stack, value, times }) => ({
      stack_index: stacks.push({ location_indices: stack.map(location) }) - 1,
      values: value === undefined ? [] : [value],
      timestamps_unix_nano: times ?? [],
    }));
    return {
      resource: {
        attributes: [
          ...attribute("service.name", profile.service),
          ...attribute("process.executable.name", profile.executable),
        ],
      },
      scope_profiles: [
        {
          scope: { name: "tests", version: "1" },
          profiles: [
            {
              sample_type: { type_strindex: text(type), unit_strindex: text(unit) },
              period_type: { type_strindex: text(periodType), unit_strindex: text(periodUnit) },
              period,
              samples,
            },
          ],
        },
      ],
    };
  });
  const dictionary = {
    mapping_table: mappings,
    location_table: locations,
    function_table: functions,
    link_table: [{}],
    string_table: strings,
    attribute_table: [{}],
    stack_table: stacks,
  };
  return Profiles.parse(encodeRequest({ resource_profiles: resources, dictionary }));
}
