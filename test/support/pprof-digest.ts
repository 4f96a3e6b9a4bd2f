import { createHash } from "node:crypto";
import { decodePprof } from "./pprof-oracle.js";

// biome-ignore lint/suspicious/noExplicitAny: protobufjs objects have the shape of the .proto files
type Any = any;

/** What google/pprof reads in a pprof, in the words of test/fixtures/pprof-shapes/cases.json. */
export interface Reading {
  readonly digest: string;
  readonly digestLabels: string;
  readonly types: { type: string; unit: string }[];
  readonly time: string;
  readonly duration: string;
  readonly period: string;
  readonly periodType: { type: string; unit: string };
  readonly comments: string[];
  readonly dropFrames: string;
  readonly keepFrames: string;
  readonly defaultSampleType: string;
  readonly docUrl: string;
  readonly samples: number;
  /** Mappings that a location uses. */
  readonly mappings: { start: string; limit: string; offset: string; file: string; build_id: string; has: boolean[] }[];
  /** Positions of folded locations, over all samples. */
  readonly folded: number[];
}

/** Reads a pprof with protobufjs; throws where an index or an id points nowhere. */
export function readPprof(bytes: Buffer): Reading {
  const profile = decodePprof(bytes);
  const text = (index: string): string => {
    const found = profile.string_table[Number(index)];
    if (found === undefined) throw new Error(`string ${index} is missing`);
    return found;
  };
  const table = (list: Any[]) => {
    const map = new Map<string, Any>(list.map((entry) => [entry.id, entry]));
    return (id: string) => {
      const found = map.get(id);
      if (!found) throw new Error(`id ${id} is missing`);
      return found;
    };
  };
  const location = table(profile.location);
  const functionOf = table(profile.function);
  const mapping = table(profile.mapping);
  const hex = (value: string) => `0x${BigInt(value).toString(16)}`;
  const used = new Set<Any>();
  const folded: number[] = [];
  let position = 0;
  const frames = (id: string): string[] => {
    const l = location(id);
    const m = l.mapping_id === "0" ? undefined : mapping(l.mapping_id);
    if (m) used.add(m);
    if (l.is_folded) folded.push(position);
    position++;
    const where = [hex(l.address), m ? text(m.filename) : "", m ? text(m.build_id) : ""];
    if (l.line.length === 0) return [["", "", "", "0", "0", "0", ...where].join("\t")];
    return l.line.map((line: Any) => {
      const f = functionOf(line.function_id);
      const names = [text(f.name), text(f.system_name), text(f.filename)];
      return [...names, line.line, line.column, f.start_line, ...where].join("\t");
    });
  };
  const lines: string[] = [];
  const withLabels: string[] = [];
  for (const sample of profile.sample) {
    const line = `${sample.value.join(",")}|${sample.location_id.flatMap(frames).join(";")}`;
    lines.push(line);
    withLabels.push(`${line}|${labelsOf(sample.label, text).join(";")}`);
  }
  const period = profile.period_type ?? { type: "0", unit: "0" };
  return {
    digest: digestOf(lines),
    digestLabels: digestOf(withLabels),
    types: profile.sample_type.map((t: Any) => ({ type: text(t.type), unit: text(t.unit) })),
    time: profile.time_nanos,
    duration: profile.duration_nanos,
    period: profile.period,
    periodType: { type: text(period.type), unit: text(period.unit) },
    comments: profile.comment.map(text),
    dropFrames: text(profile.drop_frames),
    keepFrames: text(profile.keep_frames),
    defaultSampleType: text(profile.default_sample_type),
    docUrl: text(profile.doc_url),
    samples: profile.sample.length,
    mappings: profile.mapping
      .filter((m: Any) => used.has(m))
      .map((m: Any) => ({
        start: hex(m.memory_start),
        limit: hex(m.memory_limit),
        offset: hex(m.file_offset),
        file: text(m.filename),
        build_id: text(m.build_id),
        has: [m.has_functions, m.has_filenames, m.has_line_numbers, m.has_inline_frames],
      })),
    folded,
  };
}

/** As the library reads labels: a text wins over a number, and one that says neither is none. */
function labelsOf(labels: Any[], text: (index: string) => string): string[] {
  const out: string[] = [];
  for (const label of labels) {
    if (label.str !== "0") out.push(`${text(label.key)}=${text(label.str)}`);
    else if (label.num !== "0" || label.num_unit !== "0") {
      out.push(`${text(label.key)}#${label.num} ${text(label.num_unit)}`);
    }
  }
  return out.sort(byBytes);
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function digestOf(lines: string[]): string {
  const hash = createHash("sha256");
  for (const line of [...lines].sort(byBytes)) hash.update(`${line}\n`);
  return hash.digest("hex");
}
