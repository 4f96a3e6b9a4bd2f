import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { decodePprof } from "../../src/codec/pprof-decode.js";
import { encodePprofs } from "../../src/codec/pprof-file.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { profilesOf, totalsOf } from "../support/pprof-cases.js";
import { readPprof } from "../support/pprof-digest.js";

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

/** A varint field, or a message field. */
const field = (number: number, value: number | Buffer) =>
  typeof value === "number"
    ? Buffer.from([number << 3, value])
    : Buffer.concat([Buffer.from([(number << 3) | 2, value.length]), value]);
const message = (number: number, ...fields: Buffer[]) => field(number, Buffer.concat(fields));

test("of a field that comes twice the last counts, also where the first is out of range", () => {
  const texts = ["", "samples", "main"].map((text) => field(6, Buffer.from(text)));
  const pprof = (...names: number[]) => {
    const fields = names.flatMap((name) => [field(2, name), field(3, name), field(4, name)]);
    const entry = names.flatMap((name) => [field(5, name), field(6, name)]);
    return Buffer.concat([
      ...texts,
      message(1, field(1, 1)),
      message(3, field(1, 1), ...entry),
      message(5, field(1, 1), ...fields),
      message(4, field(1, 1), field(2, 1), message(4, field(1, 1))),
      message(2, field(1, 1), field(2, 5)),
    ]);
  };
  const { dictionary } = decodePprof(pprof(99, 2), []);
  const { lines, mappingIndex } = dictionary.location(1);
  assert.equal(dictionary.string(dictionary.function(lines[0].functionIndex).nameIndex), "main");
  assert.equal(dictionary.string(dictionary.mapping(mappingIndex).filenameIndex), "main");
  for (const names of [[99], [2, 99]]) assert.throws(() => decodePprof(pprof(...names), []), /string index 99/);
});

test("a label with the number 0 stays one where its unit is an empty text", () => {
  const texts = ["", "samples", "zero", ""].map((text) => field(6, Buffer.from(text)));
  const label = message(3, field(1, 2), field(4, 3));
  const bytes = Buffer.concat([...texts, message(1, field(1, 1)), message(2, field(2, 5), label)]);
  const [again] = encodePprofs(Profiles.parse(Buffer.concat(decodePprof(bytes, []).encode())));
  assert.equal(readPprof(again.bytes).digestLabels, readPprof(bytes).digestLabels);
});
