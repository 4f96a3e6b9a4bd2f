import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePprof as decode, type PprofOptions } from "../../src/codec/pprof-decode.js";
import { encodePprofs } from "../../src/codec/pprof-file.js";
import { ProfilesBuilder } from "../../src/pdata/builder.js";
import { mergeProfiles } from "../../src/pdata/merge.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { loadProto } from "../../src/proto/load.js";
import { profilesOf } from "../support/pprof-cases.js";
import { readPprof } from "../support/pprof-digest.js";

const span = "00f067aa0ba902b7";
const trace = "4bf92f3577b34da6a3ce929d0e0e4736";

type TestLabel = readonly [key: string, value: string | number, unit?: string];

/** A pprof with a sample per list of labels; each label has strings of its own. */
function pprofWith(...samples: (readonly TestLabel[])[]): Buffer {
  const strings = ["", "samples", "count"];
  const string = (text: string) => (text === "" ? 0 : strings.push(text) - 1);
  const labels = (list: readonly TestLabel[]) =>
    list.map(([key, value, unit = ""]) =>
      typeof value === "string"
        ? { key: string(key), str: string(value) }
        : { key: string(key), num: value, num_unit: string(unit) },
    );
  const type = loadProto("pprof.proto").lookupType("perftools.profiles.Profile");
  const profile = type.fromObject({
    sample_type: [{ type: 1, unit: 2 }],
    sample: samples.map((list, i) => ({ value: [i + 1], label: labels(list) })),
    string_table: strings,
  });
  return Buffer.from(type.encode(profile).finish());
}

/** Of each sample: its link, then its attributes. */
function said(batch: Profiles): string[][] {
  const { dictionary } = batch;
  return profilesOf(batch).flatMap((profile) => {
    const { link, attrSet, attrSets, length } = profile.columns();
    return Array.from({ length }, (_, i) => {
      const { traceId, spanId } = dictionary.link(link[i]);
      const attributes = Array.from(attrSets[attrSet[i]], (index) => dictionary.attribute(index));
      const texts = attributes.map(({ key, value, unit }) => `${key}=${value.value}${unit}`);
      return [link[i] === 0 ? "" : `${spanId.toString("hex")} ${traceId.toString("hex")}`, ...texts];
    });
  });
}

const reparsed = (batch: Profiles) => Profiles.parse(Buffer.concat(batch.encode()));
const linked = `${span} ${trace}`;

test("labels that name a span of a trace become the sample's link", () => {
  const bytes = pprofWith(
    [
      ["trace_id", trace],
      ["a", "b"],
      ["span_id", span],
    ],
    [
      ["span_id", span],
      ["trace_id", trace],
    ],
    [["a", "b"]],
    [],
  );
  const batch = decode(bytes, []);
  const expected = [[linked, "a=b"], [linked], ["", "a=b"], [""]];
  assert.deepEqual(said(batch), expected);
  assert.deepEqual(said(reparsed(batch)), expected);
  assert.equal(batch.dictionary.linkCount, 2);
  assert.deepEqual(said(reparsed(mergeProfiles([decode(pprofWith([["x", "y"]]), []), batch]))).slice(1), expected);
});

/** What is no link both ways round stays a label. */
const unlinked: readonly (readonly TestLabel[])[] = [
  [["span_id", span]],
  [["trace_id", trace]],
  [
    ["span_id", span.toUpperCase()],
    ["trace_id", trace],
  ],
  [
    ["span_id", span],
    ["trace_id", trace.slice(1)],
  ],
  [
    ["span_id", `${span}00`],
    ["trace_id", trace],
  ],
  [
    ["span_id", "0".repeat(16)],
    ["trace_id", trace],
  ],
  [
    ["span_id", span],
    ["trace_id", "0".repeat(32)],
  ],
  [
    ["span_id", "00f067aa0ba902bg"],
    ["trace_id", trace],
  ],
  [
    ["span_id", span],
    ["span_id", "1".repeat(16)],
    ["trace_id", trace],
  ],
  [
    ["span_id", span],
    ["trace_id", trace],
    ["trace_id", trace],
  ],
  [
    ["span_id", span],
    ["span_id", 7, "x"],
    ["trace_id", trace],
  ],
  [
    ["span_id", 7],
    ["trace_id", trace],
  ],
  [
    ["profile_id", span],
    ["trace_id", trace],
  ],
  [
    ["profile_id", span],
    ["span_id", span],
    ["trace_id", trace],
  ],
  [
    ["Span_id", span],
    ["trace_id", trace],
  ],
];

test("every other label of these names stays a label", () => {
  const batch = decode(pprofWith(...unlinked), []);
  assert.deepEqual(
    said(batch),
    unlinked.map((list) => ["", ...list.map(([key, value, unit = ""]) => `${key}=${value}${unit}`)]),
  );
});

test("pprof to OTLP to pprof gives the labels that were there", () => {
  const bytes = pprofWith(...unlinked, [["span_id", span] as const, ["trace_id", trace] as const, ["a", "b"] as const]);
  const { digestLabels, digest } = readPprof(bytes);
  const [again] = encodePprofs(reparsed(decode(bytes, [])));
  const reading = readPprof(again.bytes);
  assert.deepEqual([reading.digestLabels, reading.digest], [digestLabels, digest]);
});

test("profile_id is span_id for whoever asks for it", () => {
  const asked = (options: PprofOptions, ...list: TestLabel[]) => said(decode(pprofWith(list), [], options));
  const profileIdIsSpan = true;
  assert.deepEqual(asked({ profileIdIsSpan }, ["profile_id", span], ["trace_id", trace]), [[linked]]);
  assert.deepEqual(asked({ profileIdIsSpan }, ["span_id", span], ["trace_id", trace]), [[linked]]);
  assert.deepEqual(asked({ profileIdIsSpan }, ["profile_id", span]), [["", `profile_id=${span}`]]);
  assert.deepEqual(asked({}, ["profile_id", span], ["trace_id", trace]), [
    ["", `profile_id=${span}`, `trace_id=${trace}`],
  ]);
});

test("OTLP to pprof to OTLP keeps links, and attributes beside them", () => {
  const builder = new ProfilesBuilder();
  const profile = builder
    .resource([])
    .scope()
    .profile({ sampleType: { type: "samples", unit: "count" } });
  const attribute = (key: string, value: string) =>
    builder.attribute({ key, value: { type: "string", value }, unit: "" });
  const link = builder.link(Buffer.from(trace, "hex"), Buffer.from(span, "hex"));
  profile.sample(0, [], link, [1n]);
  profile.sample(0, [attribute("a", "b")], link, [2n]);
  // The same said twice is said once; what differs isn't lost.
  profile.sample(0, [attribute("span_id", span)], link, [3n]);
  profile.sample(0, [attribute("span_id", "other")], link, [4n]);
  profile.sample(0, [attribute("profile_id", span)], link, [5n]);
  const [pprof] = encodePprofs(reparsed(builder.finish()));
  assert.deepEqual(said(reparsed(decode(pprof.bytes, []))), [
    [linked],
    [linked, "a=b"],
    [linked],
    ["", "span_id=other", `span_id=${span}`, `trace_id=${trace}`],
    ["", `profile_id=${span}`, `span_id=${span}`, `trace_id=${trace}`],
  ]);
});
