import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { decodePprof } from "../../src/codec/pprof-decode.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { profilesOf, totalsOf } from "../support/pprof-cases.js";

const wire = "test/fixtures/wire";

interface Recorded {
  readonly file: string;
  readonly profiles?: readonly { sample_types: { type: string; unit: string; total: number }[]; samples: number }[];
}

test("recorded pprof of net/http/pprof decode to the totals of google/pprof", () => {
  const manifest: Recorded[] = JSON.parse(readFileSync(`${wire}/manifest.json`, "utf8"));
  let checked = 0;
  for (const { file, profiles } of manifest) {
    if (!file.startsWith("net-http-pprof/") || !profiles || /debug1|unknown/.test(file)) continue;
    const bytes = readFileSync(`${wire}/${file}`);
    const batch = decodePprof(bytes, []);
    const [expected] = profiles;
    const totals = Object.fromEntries(expected.sample_types.map((t) => [`${t.type}/${t.unit}`, BigInt(t.total)]));
    assert.deepEqual(totalsOf(profilesOf(batch)), totals, file);
    assert.equal(batch.sampleCount, expected.samples * expected.sample_types.length, file);
    const again = Profiles.parse(Buffer.concat(batch.encode()));
    assert.deepEqual(totalsOf(profilesOf(again)), totals, file);
    checked++;
  }
  assert.equal(checked, 16);
});

test("what isn't pprof is refused with what it looks like", () => {
  const refused = (bytes: Buffer | string, reason: RegExp) =>
    assert.throws(
      () => decodePprof(Buffer.from(bytes as string), []),
      (error: Error) => {
        assert.ok(error instanceof InvalidProfilesError, error.stack);
        assert.match(error.message, reason);
        return true;
      },
    );
  refused("", /^pprof: no bytes$/);
  refused("<html><body>404</body></html>", /looks like HTML/);
  refused('{"message":"not found"}', /looks like JSON/);
  refused(readFileSync(`${wire}/net-http-pprof/unknown.pb.gz`), /looks like text: "Unknown profile"/);
  refused(
    readFileSync(`${wire}/net-http-pprof/goroutine-debug1.pb.gz`),
    /looks like text: "goroutine profile: total 5"/,
  );
});
