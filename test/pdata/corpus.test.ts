import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { mergeProfiles, pruneProfiles } from "../../src/pdata/merge.js";
import { Profiles } from "../../src/pdata/profiles.js";

import { splitProfiles } from "../../src/pdata/split.js";
import { jsonToProto, protoToJson } from "../../src/proto/otlp-json.js";
import { meaningOf } from "../support/otlp-oracle.js";

interface Case {
  file: string;
  verdict: "valid" | "invalid" | "either";
  why?: string;
  layout?: string;
  twin?: string;
  distinguishable?: boolean;
  counts?: { samples: number };
}

const folder = "test/fixtures/otlp-shapes/";
const cases: Case[] = JSON.parse(readFileSync(`${folder}cases.json`, "utf8")).cases;
const read = (file: string): Buffer => readFileSync(`${folder}${file}`);
const bytesOf = (batches: readonly Profiles[]): Buffer[] => batches.map((batch) => Buffer.concat(batch.encode()));
const valid = cases.filter((entry) => entry.verdict === "valid");

describe("requests of every legal shape keep their whole meaning", () => {
  for (const { file, twin, counts } of valid) {
    it(file, () => {
      const want = meaningOf([read(twin ?? file)]);
      const batch = Profiles.parse(read(file));
      if (counts) assert.equal(batch.sampleCount, counts.samples);
      assert.deepEqual(meaningOf(bytesOf([batch])), want, "spliced");
      assert.deepEqual(meaningOf(bytesOf([pruneProfiles(batch)])), want, "rebuilt");
      const json = protoToJson(Buffer.concat(batch.encode()));
      assert.deepEqual(meaningOf(bytesOf([Profiles.parse(jsonToProto(json))])), want, "through OTLP/JSON");
      const pieces = splitProfiles(batch, { maxSamples: 2, maxBytes: 0 });
      for (const piece of pieces) assert.ok(piece.sampleCount <= 2);
      assert.deepEqual(
        withoutPayload(meaningOf(bytesOf(pieces), { ignoreId: true })),
        withoutPayload(meaningOf([read(twin ?? file)], { ignoreId: true })),
        "split",
      );
    });
  }
});

/** A profile that was cut loses its payload: it no longer says the same. */
function withoutPayload(meaning: Map<string, unknown>): Map<string, unknown> {
  const out = new Map<string, unknown>();
  for (const [key, tally] of meaning)
    out.set(key.replace(/dropped (\d+) (?:pprof|jfr|linux perf)? ?[0-9a-f]* /, "dropped $1 "), tally);
  return out;
}

it("batched with another request, each keeps its meaning", () => {
  const other = Profiles.parse(read("valid/001-timestamps-only.pb"));
  for (const { file, twin } of valid) {
    const merged = mergeProfiles([other, Profiles.parse(read(file))]);
    const want = meaningOf([read("valid/001-timestamps-only.pb"), read(twin ?? file)]);
    assert.deepEqual(meaningOf(bytesOf([merged])), want, file);
  }
});

describe("older layouts are recognised", () => {
  for (const { file, layout, distinguishable } of cases) {
    if (!file.startsWith("older/") || !distinguishable) continue;
    it(file, () => {
      // Protocol 1.8 and 1.9 have the same Sample: only a profile's own fields tell them apart.
      const found = Profiles.parse(read(file)).layout;
      assert.ok(found === layout || (found === "1.9" && layout === "1.8"), `${found}, not ${layout}`);
    });
  }
});

describe("broken requests are refused with a reason", () => {
  for (const { file, why } of cases.filter((entry) => entry.verdict === "invalid")) {
    it(`${file}: ${why}`, () => {
      assert.throws(
        () => Profiles.parse(read(file)),
        (error) => error instanceof InvalidProfilesError && error.message.length > 10,
      );
    });
  }
});

it("what the rules leave open is carried without harm or refused, never lost", () => {
  for (const { file } of cases.filter((entry) => entry.verdict === "either")) {
    let batch: Profiles;
    try {
      batch = Profiles.parse(read(file));
    } catch (caught) {
      assert.ok(caught instanceof InvalidProfilesError, file);
      continue;
    }
    assert.deepEqual(meaningOf(bytesOf([pruneProfiles(batch)])), meaningOf([read(file)]), file);
  }
});

it("async-profiler's request, with padded varints and unpacked values, keeps its meaning", () => {
  const bytes = readFileSync("test/fixtures/wire/async-profiler/profile.otlp.pb");
  const batch = Profiles.parse(bytes);
  assert.equal(batch.sampleCount, 20);
  assert.equal(batch.layout, "1.10");
  assert.deepEqual(meaningOf(bytesOf([batch])), meaningOf([bytes]));
});
