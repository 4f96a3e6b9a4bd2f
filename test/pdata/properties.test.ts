import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mergeProfiles, pruneProfiles } from "../../src/pdata/merge.js";
import { Profiles } from "../../src/pdata/profiles.js";

import { splitProfiles } from "../../src/pdata/split.js";
import { jsonToProto, protoToJson } from "../../src/proto/otlp-json.js";
import { generateRequest } from "../support/generate.js";
import { encodeRequest, judge, meaningOf } from "../support/otlp-oracle.js";
import { createRandom } from "../support/random.js";

const rounds = process.env.FLAMEPIPE_TEST_LONG ? 3000 : 300;
const bytesOf = (batches: readonly Profiles[]): Buffer[] => batches.map((batch) => Buffer.concat(batch.encode()));

function property(name: string, check: (requests: Buffer[], seed: number) => void): void {
  it(`${name} (${rounds} generated batches)`, () => {
    for (let seed = 1; seed <= rounds; seed++) {
      const random = createRandom(seed);
      const requests = Array.from({ length: 1 + random.int(4) }, () => encodeRequest(generateRequest(random)));
      try {
        check(requests, seed);
      } catch (caught) {
        throw new Error(`seed ${seed}: ${caught}`);
      }
    }
  });
}

describe("what the fast path encodes, protobufjs decodes to the same meaning", () => {
  property("merged", (requests) => {
    const merged = mergeProfiles(requests.map((bytes) => Profiles.parse(bytes)));
    assert.deepEqual(meaningOf(bytesOf([merged])), meaningOf(requests));
    assert.equal(
      merged.sampleCount,
      requests.reduce((sum, bytes) => sum + Profiles.parse(bytes).sampleCount, 0),
    );
  });

  property("split by samples", (requests, seed) => {
    const maxSamples = 1 + (seed % 5);
    const pieces = splitProfiles(mergeProfiles(requests.map((bytes) => Profiles.parse(bytes))), {
      maxSamples,
      maxBytes: 0,
    });
    assert.deepEqual(meaningOf(bytesOf(pieces), { ignoreId: true }), meaningOf(requests, { ignoreId: true }));
    for (const piece of pieces) assert.ok(piece.sampleCount <= maxSamples);
  });

  property("split by bytes", (requests) => {
    const maxBytes = 900;
    const pieces = splitProfiles(mergeProfiles(requests.map((bytes) => Profiles.parse(bytes))), {
      maxSamples: 0,
      maxBytes,
    });
    assert.deepEqual(meaningOf(bytesOf(pieces), { ignoreId: true }), meaningOf(requests, { ignoreId: true }));
    for (const piece of pieces) {
      assert.ok(piece.byteSize <= maxBytes || piece.sampleCount <= 1 || pieces.length === 1, `${piece.byteSize} bytes`);
      assert.equal(Buffer.concat(piece.encode()).length, piece.byteSize);
    }
  });

  property("as JSON and back", (requests) => {
    const back = requests.map((bytes) => jsonToProto(protoToJson(bytes)));
    assert.deepEqual(meaningOf(back), meaningOf(requests));
  });

  property("with resource attributes set", (requests) => {
    for (const bytes of requests) {
      const batch = Profiles.parse(bytes);
      for (const resource of batch.resources) {
        resource.setAttributes([
          ...resource.attributes,
          { key: "region", value: { type: "string", value: "eu-1" }, unit: "" },
        ]);
      }
      const out = Buffer.concat(batch.encode());
      const verdict = judge(out);
      assert.ok(verdict.ok);
      for (const { resource } of verdict.request.resource_profiles ?? []) {
        assert.equal(resource.attributes.at(-1).value.string_value, "eu-1");
        resource.attributes.pop();
      }
      assert.deepEqual(meaningOf([encodeRequest(verdict.request)]), meaningOf([bytes]));
    }
  });

  property("decoded to columns, nothing is lost", (requests) => {
    for (const bytes of requests) {
      const batch = Profiles.parse(bytes);
      let events = 0n;
      for (const resource of batch.resources) {
        for (const scope of resource.scopes) {
          for (const profile of scope.profiles) {
            const columns = profile.columns();
            for (let i = 0; i < columns.length; i++) {
              const values = columns.values.subarray(columns.valueStart[i], columns.valueStart[i + 1]);
              if (values.length === 0) events += BigInt(columns.timestampStart[i + 1] - columns.timestampStart[i]);
              else for (const value of values) events += value;
            }
          }
        }
      }
      let want = 0n;
      for (const tally of meaningOf([bytes]).values()) want += tally.events;
      assert.equal(events, want);
    }
  });
});

it("the same id is never sent for different data", () => {
  const random = createRandom(99);
  for (let i = 0; i < 50; i++) {
    const batch = Profiles.parse(encodeRequest(generateRequest(random)));
    const ids = new Map<string, string>();
    for (const piece of splitProfiles(batch, { maxSamples: 2, maxBytes: 0 })) {
      for (const resource of piece.resources) {
        for (const profile of resource.scopes.flatMap((scope) => scope.profiles)) {
          const id = profile.profileId.toString("hex");
          if (/^0*$/.test(id) || profile.sampleCount === 0) continue;
          const content = profile.buf.subarray(profile.start, profile.end).toString("hex");
          if (id[12] === "5") assert.ok(!ids.has(id) || ids.get(id) === content);
          ids.set(id, content);
        }
      }
    }
  }
});

it("pruning an untouched batch keeps its totals and is stable", () => {
  const random = createRandom(5);
  for (let i = 0; i < 50; i++) {
    const once = pruneProfiles(Profiles.parse(encodeRequest(generateRequest(random))));
    const twice = pruneProfiles(once);
    assert.deepEqual(Buffer.concat(twice.encode()), Buffer.concat(once.encode()));
  }
});
