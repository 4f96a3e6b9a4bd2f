import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { pruneProfiles } from "../../src/pdata/merge.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { cpuMs } from "../support/cpu-ms.js";
import { judge, meaningOf } from "../support/otlp-oracle.js";
import { createRandom, mutate } from "../support/random.js";

const shapes = "test/fixtures/otlp-shapes/valid/";
const seeds: Buffer[] = readdirSync(shapes)
  .map((file) => readFileSync(`${shapes}${file}`))
  .filter((bytes) => bytes.length < 9000);
seeds.push(readFileSync("test/fixtures/wire/async-profiler/profile.otlp.pb"));
const recorded = readFileSync("test/fixtures/otlp-ebpf/0001.pb");
/** `npm test -- --long` runs ten times as many. */
const rounds = process.env.FLAMEPIPE_TEST_LONG ? 60_000 : 6_000;

/** The scanner's verdict must be the oracle's; an older layout that was translated is a verdict of its own. */
function compare(bytes: Buffer): "accepted" | "refused" | "translated" {
  const verdict = judge(bytes);
  let batch: Profiles | undefined;
  let reason = "";
  try {
    batch = Profiles.parse(bytes);
  } catch (caught) {
    assert.ok(caught instanceof InvalidProfilesError, `${caught}`);
    reason = caught.message;
  }
  if (batch && batch.layout !== "1.10") return "translated";
  assert.equal(
    batch !== undefined,
    verdict.ok,
    verdict.ok ? `refused: ${reason}` : `accepted, though ${verdict.reason}`,
  );
  if (!batch) return "refused";
  const want = meaningOf([bytes]);
  assert.deepEqual(meaningOf([Buffer.concat(batch.encode())]), want);
  assert.deepEqual(meaningOf([Buffer.concat(pruneProfiles(batch).encode())]), want);
  return "accepted";
}

describe("the scanner agrees with protobufjs plus checks", () => {
  it(`on ${rounds} mutations`, () => {
    const tally = { accepted: 0, refused: 0, translated: 0 };
    for (let seed = 1; seed <= rounds; seed++) {
      const random = createRandom(seed);
      const bytes = mutate(random.pick(seeds), random);
      try {
        tally[compare(bytes)]++;
      } catch (caught) {
        throw new Error(`seed ${seed}: ${caught}`);
      }
    }
    assert.ok(tally.accepted > rounds / 20 && tally.refused > rounds / 2, JSON.stringify(tally));
    assert.ok(tally.translated < rounds / 100, JSON.stringify(tally));
  });

  it("on every prefix of small requests", () => {
    for (const bytes of seeds.filter((seed) => seed.length < 700)) {
      for (let end = 0; end <= bytes.length; end++) compare(bytes.subarray(0, end));
    }
  });

  it("on prefixes of a recorded request", () => {
    for (let end = 0; end < recorded.length; end += process.env.FLAMEPIPE_TEST_LONG ? 61 : 4001)
      compare(recorded.subarray(0, end));
  });
});

describe("hostile shapes are refused in bounded time", () => {
  const cases: Record<string, () => Buffer> = {
    "16 MiB of empty resources": () => Buffer.alloc(1 << 24, Buffer.from([0x0a, 0x00])),
    "16 MiB of empty strings": () => nest(0x12, Buffer.alloc(1 << 24, Buffer.from([0x2a, 0x00]))),
    "a varint that never ends": () => Buffer.concat([Buffer.from([0x0a]), Buffer.alloc(1 << 20, 0xff)]),
    "one million nested lists": () => Buffer.alloc(1 << 20, 0x0a),
    groups: () => Buffer.alloc(1 << 20, 0x0b),
  };
  for (const [name, make] of Object.entries(cases)) {
    it(name, () => {
      const bytes = make();
      const started = cpuMs();
      assert.throws(() => Profiles.parse(bytes), InvalidProfilesError);
      assert.ok(cpuMs() - started < 4000);
    });
  }
});

function nest(tag: number, content: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = content.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
