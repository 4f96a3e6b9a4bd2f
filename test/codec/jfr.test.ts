import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { type JfrOptions, readJfr } from "../../src/codec/jfr.js";
import { parseJfrLabels } from "../../src/codec/jfr-labels.js";
import { profileName } from "../../src/codec/profile-kinds.js";
import { ProfilesBuilder } from "../../src/pdata/builder.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { cpuMs } from "../support/cpu-ms.js";
import { foldedOf } from "../support/folded.js";
import { multipartOf } from "../support/multipart.js";
import { profilesOf } from "../support/pprof-cases.js";
import { createRandom, mutate } from "../support/random.js";

const folder = "test/fixtures/wire/pyroscope-java";
const files = ["0001.bin", "0002.bin", "0003.bin", "0004.bin"];

function part(file: string, name: string): Buffer {
  const found = multipartOf(`${folder}/${file}`).get(name);
  assert.ok(found, name);
  return found;
}

function decode(bytes: Buffer, options?: JfrOptions): Profiles {
  const builder = new ProfilesBuilder();
  readJfr(builder, bytes, options).addTo(builder.resource([]).scope());
  return Profiles.parse(Buffer.concat(builder.finish().encode()));
}

/** Totals by Pyroscope's five-part name. */
function totals(batch: Profiles): Record<string, number> {
  return Object.fromEntries(
    profilesOf(batch).map((profile) => {
      const { sampleType, periodType, attributes } = profile;
      const name = profileName(sampleType, periodType, attributes);
      const sum = profile.columns().values.reduce((total, value) => total + value, 0n);
      return [`${name}:${sampleType.type}:${sampleType.unit}:${periodType.type}:${periodType.unit}`, Number(sum)];
    }),
  );
}

test("recordings of Pyroscope's Java agent decode to what Pyroscope stored of them", () => {
  const memory = "memory:alloc_in_new_tlab";
  const stored = [
    [340000000, 19, 9961472, 156, 3296291801],
    [480000000, 41, 21495808, 290, 7187493449],
    [390000000, 32, 16777216, 396, 7736881516],
    [390000000, 31, 16252928, 335, 7757057624],
  ].map(([cpu, objects, bytes, contentions, delay]) => ({
    "process_cpu:cpu:nanoseconds:cpu:nanoseconds": cpu,
    [`${memory}_objects:count:space:bytes`]: objects,
    [`${memory}_bytes:bytes:space:bytes`]: bytes,
    "mutex:contentions:count:mutex:count": contentions,
    "mutex:delay:nanoseconds:mutex:count": delay,
  }));
  const read = files.map((file) => totals(decode(part(file, "jfr"))));
  assert.deepEqual(read, stored);
});

test("stacks are named as Pyroscope names them, with line numbers and frame types", () => {
  const batch = decode(part("0001.bin", "jfr"));
  const contentions = profilesOf(batch).find(({ sampleType }) => sampleType.type === "contentions");
  assert.ok(contentions);
  const stacks = [...foldedOf(batch, contentions).keys()];
  assert.ok(
    stacks.some((stack) => /;App\.lambda\$main\$0;App\.work;App\.receipts$/.test(stack)),
    stacks.join("\n"),
  );
  const { dictionary } = batch;
  const leaf = dictionary.location(dictionary.stack(contentions.columns().stack[0])[0]);
  assert.ok(leaf.lines[0].line > 0n);
  assert.deepEqual(
    [...leaf.attributeIndices].map((index) => dictionary.attribute(index).value.value),
    ["jvm"],
  );
  assert.equal(contentions.timeUnixNano, 1795353607506452000n);
  assert.equal(contentions.durationNano, 3534988000n);
});

test("labels of the snapshot stand at the samples of their contexts", () => {
  const labels = parseJfrLabels(part("0001.bin", "labels"));
  const batch = decode(part("0001.bin", "jfr"), { labels, periodNano: 1n });
  const [cpu] = profilesOf(batch);
  const { attrSets, attrSet, values, valueStart } = cpu.columns();
  const byRoute: Record<string, bigint> = {};
  for (let i = 0; i < attrSet.length; i++) {
    const [index] = attrSets[attrSet[i]];
    const route = index
      ? `${batch.dictionary.attribute(index).key}=${batch.dictionary.attribute(index).value.value}`
      : "";
    byRoute[route] = (byRoute[route] ?? 0n) + values[valueStart[i]];
  }
  assert.deepEqual(Object.keys(byRoute).sort(), ["", "route=/r0", "route=/r1"]);
  assert.equal(
    Object.values(byRoute).reduce((a, b) => a + b),
    34n,
  );
  assert.equal(cpu.period, 1n);
});

test("several chunks are one recording", () => {
  const [first, second] = [part("0001.bin", "jfr"), part("0002.bin", "jfr")].map((bytes) => gunzipSync(bytes));
  const both = totals(decode(Buffer.concat([first, second])));
  assert.equal(both["process_cpu:cpu:nanoseconds:cpu:nanoseconds"], 820000000);
  assert.equal(both["mutex:contentions:count:mutex:count"], 446);
});

function refused(bytes: Buffer, reason: RegExp): void {
  assert.throws(
    () => decode(bytes),
    (error: Error) => {
      assert.ok(error instanceof InvalidProfilesError, error.stack);
      assert.match(error.message, reason);
      return true;
    },
  );
}

test("what is no recording, or a broken one, is refused with a reason", () => {
  const whole = gunzipSync(part("0001.bin", "jfr"));
  refused(Buffer.alloc(0), /^jfr: no recording$/);
  refused(Buffer.from("<html>"), /^jfr: no recording \(it looks like HTML/);
  refused(readFileSync(`${folder}/0001.bin`), /^jfr: no recording/);
  refused(whole.subarray(0, 60), /header/);
  refused(whole.subarray(0, whole.length - 1), /a chunk longer than the file/);
  refused(Buffer.concat([whole, Buffer.from([1])]), /header/);
  const change = (at: number, value: number) => {
    const bytes = Buffer.from(whole);
    bytes[at] = value;
    return bytes;
  };
  refused(change(5, 9), /version 9/);
  refused(change(67, 0), /not compressed/);
  refused(change(68, 0), /an event longer than its chunk/);
  assert.throws(() => parseJfrLabels(Buffer.from([0x0a, 5, 1])), /^InvalidProfilesError: jfr labels: /);
});

test("prefixes and mutations never crash, hang or slip through as something else", () => {
  const random = createRandom(5);
  const whole = gunzipSync(part("0001.bin", "jfr"));
  for (let length = 0; length < whole.length; length += 331) refused(whole.subarray(0, length), /^jfr: /);
  let refusals = 0;
  for (let i = 0; i < 300; i++) {
    const mutated = mutate(whole, random);
    try {
      decode(mutated);
    } catch (error) {
      assert.ok(error instanceof InvalidProfilesError, (error as Error).stack);
      refusals++;
    }
  }
  assert.ok(refusals > 50, `${refusals} refused`);
});

interface TestField {
  readonly name: string;
  readonly class: string;
}

/** A recording of one chunk with these classes (by id, with fields) and these events behind the metadata. */
function recordingOf(classes: readonly { id: string; name: string; fields: TestField[] }[], events: Buffer): Buffer {
  const strings = [""];
  const text = (value: string) => (strings.includes(value) ? strings.indexOf(value) : strings.push(value) - 1);
  const element = (name: string, attributes: [string, string][], children: number[][]): number[] => [
    text(name),
    attributes.length,
    ...attributes.flatMap(([key, value]) => [text(key), text(value)]),
    children.length,
    ...children.flat(),
  ];
  const classElements = classes.map(({ id, name, fields }) => {
    const fieldElements = fields.map((field) => element("field", Object.entries(field), []));
    return element("class", Object.entries({ id, name }), fieldElements);
  });
  const tree = element("root", [], [element("metadata", [], classElements)]);
  const pool = strings.flatMap((value) => [3, value.length, ...Buffer.from(value)]);
  const metadata = eventOf(0, Buffer.from([0, 0, 0, strings.length, ...pool, ...tree]));
  const header = Buffer.from(gunzipSync(part("0001.bin", "jfr")).subarray(0, 68));
  header.writeBigUInt64BE(BigInt(68 + metadata.length + events.length), 8);
  return Buffer.concat([header, metadata, events]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 0x80))];
}

function eventOf(type: number, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from([type]), content]);
  let sizeBytes = 1;
  while (varint(body.length + sizeBytes).length > sizeBytes) sizeBytes++;
  return Buffer.concat([Buffer.from(varint(body.length + sizeBytes)), body]);
}

test("classes that are nested without bytes end in bounded time", () => {
  const levels = 7;
  const classes = Array.from({ length: levels }, (_, level) => ({
    id: String(level),
    name: "x",
    fields: Array.from({ length: level === levels - 1 ? 0 : 40 }, () => ({ name: "x", class: String(level + 1) })),
  }));
  const sample = { id: "100", name: "jdk.ExecutionSample", fields: [{ name: "x", class: "0" }] };
  const began = cpuMs();
  refused(recordingOf([...classes, sample], Buffer.from([2, 100])), /^jfr: classes that say more than their bytes$/);
  assert.ok(cpuMs() - began < 1000);
});

test("bytes that are no UTF-8 become replacement characters", () => {
  const whole = gunzipSync(part("0001.bin", "jfr"));
  const at = whole.indexOf("receipts");
  const bad = Buffer.from(whole);
  bad[at] = 0xff;
  const names = (bytes: Buffer) => {
    const batch = decode(bytes);
    return profilesOf(batch).flatMap((profile) => [...foldedOf(batch, profile).keys()].map((s) => s.split(";").at(-1)));
  };
  assert.ok(names(whole).includes("App.receipts"));
  assert.ok(names(bad).includes("App.\ufffdeceipts"));
  assert.deepEqual(totals(decode(bad)), totals(decode(whole)));
});

test("constants beyond what may be kept are too large, not a heap that grows", () => {
  const text = { id: "20", name: "java.lang.String", fields: [] };
  const pool = (count: number) =>
    eventOf(1, Buffer.concat([Buffer.from([0, 0, 0, 0, 1, 20, ...varint(count)]), Buffer.alloc(2 * count, 1)]));
  assert.deepEqual(totals(decode(recordingOf([text], pool(1000)))), {});
  refused(recordingOf([text], pool(8_000_001)), /^jfr: more than 8000000 values in the constants of a chunk$/);
});
