import type { Random } from "./random.js";

/** Makes valid requests as plain objects (names as in the .proto files; 64-bit numbers as strings), the same for the same seed. */

const bigs = [
  "0",
  "1",
  "127",
  "128",
  "9007199254740991",
  "9007199254740992",
  "9007199254740993",
  "9223372036854775807",
];
const signed = [...bigs, "-1", "-9223372036854775808"];
const words = ["", "main", "runtime.mallocgc", "é", "日本", "a".repeat(200), "x\u0000y", "__proto__"];

type Entry = Record<string, unknown>;

function anyValue(random: Random, depth = 0): Entry {
  switch (random.int(depth > 3 ? 5 : 7)) {
    case 0:
      return { string_value: random.pick(words) };
    case 1:
      return { bool_value: random.chance(0.5) };
    case 2:
      return { int_value: random.pick(signed) };
    case 3:
      return { double_value: random.pick([0, -0, 1.5, 1e308]) };
    case 4:
      return { bytes_value: Buffer.from(random.pick(words)) };
    case 5:
      return { array_value: { values: many(random, 3, () => anyValue(random, depth + 1)) } };
    default:
      return {
        kvlist_value: { values: many(random, 3, (i) => ({ key: `k${i}`, value: anyValue(random, depth + 1) })) },
      };
  }
}

function many<T>(random: Random, most: number, make: (i: number) => T): T[] {
  return Array.from({ length: random.int(most + 1) }, (_, i) => make(i));
}

/** A request of a host; `host` decides its resource attribute host.name. */
export function generateRequest(random: Random, host = random.int(4)): Entry {
  const strings = [
    ...new Set(["", "samples", "count", "cpu", "nanoseconds", ...many(random, 12, (i) => `${random.pick(words)}${i}`)]),
  ];
  const string = (): number => random.int(strings.length);
  const table = (most: number, make: () => Entry): Entry[] => [{}, ...many(random, most, make)];
  const attributes = table(8, () => ({
    key_strindex: string(),
    value: anyValue(random),
    unit_strindex: random.chance(0.2) ? string() : 0,
  }));
  const attributeList = (most: number): number[] => [
    ...new Set(many(random, most, () => random.int(attributes.length))),
  ];
  const functions = table(8, () => ({
    name_strindex: string(),
    system_name_strindex: string(),
    filename_strindex: string(),
    start_line: random.pick(signed),
  }));
  const mappings = table(4, () => ({
    memory_start: random.pick(bigs),
    memory_limit: random.pick(bigs),
    filename_strindex: string(),
    attribute_indices: attributeList(2),
  }));
  const locations = table(10, () => ({
    mapping_index: random.int(mappings.length),
    address: random.pick(bigs),
    lines: many(random, 3, () => ({
      function_index: random.int(functions.length),
      line: random.pick(bigs),
      column: "1",
    })),
    attribute_indices: attributeList(2),
  }));
  const links = table(4, () => ({
    trace_id: Buffer.alloc(16, random.int(256)),
    span_id: Buffer.alloc(8, random.int(256)),
  }));
  const stacks = table(8, () => ({ location_indices: many(random, 6, () => random.int(locations.length)) }));
  const sample = (): Entry => {
    const count = random.int(4) + 1;
    const shape = random.int(3);
    const of = <T>(make: () => T): T[] => Array.from({ length: count }, make);
    return {
      stack_index: random.int(stacks.length),
      attribute_indices: attributeList(3),
      link_index: random.chance(0.5) ? random.int(links.length) : 0,
      values: shape !== 0 ? of(() => random.pick(signed)) : [],
      timestamps_unix_nano: shape !== 1 ? of(() => `176389${random.int(9)}000000000${random.int(1000)}`) : [],
    };
  };
  const profile = (): Entry => ({
    sample_type: { type_strindex: 1, unit_strindex: 2 },
    samples: many(random, 6, sample),
    time_unix_nano: "1763890000000000000",
    duration_nano: random.pick(bigs),
    period_type: { type_strindex: 3, unit_strindex: 4 },
    period: random.pick(signed),
    profile_id: random.chance(0.5) ? Buffer.alloc(16, random.int(255) + 1) : Buffer.alloc(0),
    attribute_indices: attributeList(2),
  });
  return {
    resource_profiles: many(random, 4, (i) => ({
      resource: {
        attributes: [
          { key: "host.name", value: { string_value: `h${host}` } },
          ...many(random, 3, (n) => ({ key: `a${n}`, value: anyValue(random) })),
        ],
        dropped_attributes_count: random.int(3),
      },
      schema_url: random.pick(["", "https://opentelemetry.io/schemas/1.37.0"]),
      scope_profiles: many(random, 2, () => ({ scope: { name: `s${i}` }, profiles: many(random, 3, profile) })),
    })),
    dictionary: {
      mapping_table: mappings,
      location_table: locations,
      function_table: functions,
      link_table: links,
      string_table: strings,
      attribute_table: attributes,
      stack_table: stacks,
    },
  };
}
