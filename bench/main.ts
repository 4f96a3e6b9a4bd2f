import { readdirSync, readFileSync } from "node:fs";
import { PprofEncoder } from "../src/codec/pprof-encode.js";
import type { KeyValue } from "../src/pdata/any-value.js";
import { mergeProfiles } from "../src/pdata/merge.js";
import { Profiles } from "../src/pdata/profiles.js";
import { splitProfiles } from "../src/pdata/split.js";
import { protoToJson } from "../src/proto/otlp-json.js";
import { printCases } from "./measure.js";

/**
 * In-process benches of the core over recorded requests: CPU seconds per GB of input, MB/s on one core, bytes out.
 * Compare figures of one run only: machines differ, and so do their neighbours.
 */
const folder = process.argv[2] ?? "test/fixtures/otlp-ebpf";
const requests = readdirSync(folder)
  .filter((file) => file.endsWith(".pb"))
  .map((file) => readFileSync(`${folder}/${file}`));
const bytesIn = requests.reduce((sum, bytes) => sum + bytes.length, 0);

const region: KeyValue = { key: "region", value: { type: "string", value: "eu-1" }, unit: "" };
const noLabels = { keys: new Set<string>(), integers: "text" } as const;
const noisy = new Set(["thread.id", "thread.name", "cpu.logical_number"]);

const parse = (): Profiles[] => requests.map((bytes) => Profiles.parse(bytes));
const sizeOf = (batches: readonly Profiles[]): number =>
  batches.reduce((sum, batch) => sum + batch.encode().reduce((total, part) => total + part.length, 0), 0);

function resourceEdit(): number {
  const batches = parse();
  for (const batch of batches) for (const r of batch.resources) r.setAttributes([...r.attributes, region]);
  return sizeOf(batches);
}

function sampleEdit(): number {
  const batches = parse();
  for (const batch of batches) {
    for (const resource of batch.resources) {
      for (const scope of resource.scopes) {
        for (const profile of scope.profiles) {
          profile.mapSampleAttributes((attributes) => attributes.filter((attribute) => !noisy.has(attribute.key)));
        }
      }
    }
  }
  return sizeOf(batches);
}

function pprofEncode(): number {
  let bytes = 0;
  for (const batch of parse()) {
    const encoder = new PprofEncoder(batch.dictionary, { labels: noLabels, namedFrames: "all" });
    for (const resource of batch.resources) {
      for (const scope of resource.scopes) {
        for (const profile of scope.profiles) {
          const { periodType, period, timeUnixNano, durationNano } = profile;
          const columns = [{ profile, type: { type: "cpu", unit: "nanoseconds" }, scale: period }];
          const input = { columns, periodType, period, timeUnixNano, durationNano };
          for (const pprof of encoder.encode(input, { maxSamples: 0, maxBytes: 0 })) bytes += pprof.bytes.length;
        }
      }
    }
  }
  return bytes;
}

const merged = mergeProfiles(parse());
const cases: Record<string, () => number> = {
  scan: () => sizeOf(parse()),
  "scan, resource edit": resourceEdit,
  "scan, sample attributes deleted": sampleEdit,
  "scan, merge": () => sizeOf([mergeProfiles(parse())]),
  "split by 1000 samples (merged)": () => sizeOf(splitProfiles(merged, { maxSamples: 1000, maxBytes: 0 })),
  "split by 200 kB (merged)": () => sizeOf(splitProfiles(merged, { maxSamples: 0, maxBytes: 200_000 })),
  "scan, pprof encode": pprofEncode,
  "OTLP/JSON encode": () => requests.reduce((sum, bytes) => sum + protoToJson(bytes).length, 0),
};

console.log(`${requests.length} requests, ${bytesIn} bytes, Node ${process.version}\n`);
printCases(bytesIn, cases);

await import("./codec.js");
