import { addCollapsed } from "../../src/codec/collapsed.js";
import { addCpuProfile } from "../../src/codec/cpuprofile.js";
import { readJfr } from "../../src/codec/jfr.js";
import { addPerfScript } from "../../src/codec/perf-script.js";
import { addPprof } from "../../src/codec/pprof-decode.js";
import { addSpeedscope } from "../../src/codec/speedscope.js";
import { cpuType } from "../../src/codec/stack-options.js";
import { type KeyValue, keyValue, stringValue } from "../../src/pdata/any-value.js";
import { ProfilesBuilder, type ScopeBuilder } from "../../src/pdata/builder.js";
import type { PayloadScope } from "../../src/pdata/payload.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import type { FileFormat, PprofReceiverConfig } from "./config.js";

/** What files of other formats are called, `.gz` left off. */
const endings: readonly (readonly [ending: string, format: FileFormat])[] = [
  [".cpuprofile", "cpuprofile"],
  [".folded", "folded"],
  [".collapsed", "folded"],
  [".jfr", "jfr"],
  [".perf", "perf_script"],
  [".speedscope.json", "speedscope"],
];

/** By the file's name, where it is left to that; pprof files have no usual one. */
export function formatOf(path: string, format: FileFormat): FileFormat {
  if (format !== "auto") return format;
  const name = path.toLowerCase().replace(/\.gz$/, "");
  return endings.find(([ending]) => name.endsWith(ending))?.[1] ?? "pprof";
}

export interface ProfileFile {
  readonly path: string;
  readonly bytes: Buffer;
  /** When it was written: the time of formats that have none. */
  readonly modifiedMs: number;
}

/** What the file holds, as a resource with these attributes. Throws InvalidProfilesError or TooLargeError. */
export function decodeFile(
  { path, bytes, modifiedMs }: ProfileFile,
  config: PprofReceiverConfig,
  attributes: readonly KeyValue[],
  { name, version }: PayloadScope,
): Profiles {
  const builder = new ProfilesBuilder();
  const scopeWith = (more: readonly KeyValue[]) => builder.resource([...attributes, ...more]).scope(name, version);
  const maxBytes = config.max_file_size;
  const format = formatOf(path, config.files_format);
  if (format === "pprof") addPprof(scopeWith([]), bytes, { maxBytes });
  else if (format === "jfr") {
    const recording = readJfr(builder, bytes, { maxBytes });
    recording.addTo(scopeWith(recording.event === "" ? [] : [keyValue("jfr_event", stringValue(recording.event))]));
  } else {
    addText(scopeWith([]), format, bytes, config, BigInt(Math.round(modifiedMs)) * 1_000_000n);
  }
  return builder.finish();
}

function addText(
  scope: ScopeBuilder,
  format: FileFormat,
  bytes: Buffer,
  config: PprofReceiverConfig,
  timeUnixNano: bigint,
): void {
  const options = { maxBytes: config.max_file_size, timeUnixNano };
  if (format === "cpuprofile") addCpuProfile(scope, bytes, options);
  else if (format === "speedscope") addSpeedscope(scope, bytes, options);
  else if (format === "perf_script") addPerfScript(scope, bytes, options);
  else addCollapsed(scope, bytes, { ...options, ...periodOf(config.files_sample_rate) });
}

/** With a rate, counts are samples of CPU time. */
function periodOf(rate: number) {
  return rate > 0 ? { periodType: cpuType, period: BigInt(Math.round(1e9 / rate)) } : {};
}
