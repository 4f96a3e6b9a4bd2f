import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PlainAttributes, PlainResource } from "../../support/plain-profiles.js";
import { allRecorded } from "../../support/recorded.js";
import { through } from "../through.js";

const everywhere = (): PlainResource[] => [
  {
    attributes: { at: "resource" },
    scopes: [
      {
        name: "lib",
        version: "1.2",
        attributes: { at: "scope" },
        profiles: [{ attributes: { at: "profile" }, samples: [{ attributes: { at: "sample" } }] }],
      },
    ],
  },
];

/** Where the attribute `at` still says where it is. */
async function touched(context: string): Promise<string[]> {
  const processor = await through("attributes", `context: ${context}\nactions: [{action: update, key: at, value: x}]`);
  const [resource] = (await processor.send(everywhere())) ?? [];
  const [scope] = resource.scopes;
  const [profile] = scope.profiles ?? [];
  const found = {
    resource: resource.attributes,
    scope: scope.attributes,
    profile: profile.attributes,
    sample: profile.samples?.[0].attributes,
  };
  return Object.entries(found).flatMap(([name, attributes]) => (attributes?.at === "x" ? [name] : []));
}

describe("attributes", () => {
  for (const context of ["resource", "scope", "profile", "sample"]) {
    it(`edits the attributes of each ${context}, and no others`, async () => {
      assert.deepEqual(await touched(context), [context]);
    });
  }

  it("edits profiles where no context is given", async () => {
    const processor = await through("attributes", "actions: [{action: insert, key: new, value: 1}]");
    const out = await processor.send(everywhere());
    assert.deepEqual(out?.[0].scopes[0].profiles?.[0].attributes, { at: "profile", new: 1n });
  });

  it("joins samples that became equal, and keeps apart what is not", async () => {
    const processor = await through("attributes", "context: sample\nactions: [{action: delete, key: thread.id}]");
    const out = await processor.send([
      {
        scopes: [
          {
            profiles: [
              {
                samples: [
                  { attributes: { "thread.id": 1n }, values: [5n] },
                  { attributes: { "thread.id": 2n }, values: [6n] },
                  { attributes: { "thread.id": 2n, kind: "a" }, values: [7n] },
                  { attributes: { "thread.id": 3n }, stack: 2, values: [8n] },
                ],
              },
            ],
          },
        ],
      },
    ]);
    assert.deepEqual(out?.[0].scopes[0].profiles?.[0].samples, [
      { stack: 1, attributes: {}, values: [11n] },
      { stack: 1, attributes: { kind: "a" }, values: [7n] },
      { stack: 2, attributes: {}, values: [8n] },
    ]);
  });

  it("leaves nothing of deleted sample attributes in the bytes, and no event behind", async () => {
    const yaml = `context: sample
actions: [{action: delete, pattern: '^thread\\.'}, {action: delete, key: cpu.logical_number}]`;
    const processor = await through("attributes", yaml);
    for (const batch of allRecorded()) {
      const before = eventCount(batch);
      const out = await processor.sendProfiles(batch);
      assert.ok(out);
      assert.equal(eventCount(out), before);
      const bytes = Buffer.concat(out.encode());
      for (const gone of ["thread.id", "thread.name", "cpu.logical_number"]) assert.ok(!bytes.includes(gone), gone);
    }
  });

  const chosen = async (match: string, resources: PlainResource[]): Promise<boolean[]> => {
    const processor = await through("attributes", `${match}\nactions: [{action: upsert, key: hit, value: true}]`);
    const out = await processor.send(resources);
    return (out ?? []).map((each) => each.scopes[0].profiles?.[0].attributes?.hit === true);
  };
  const services = (...names: string[]): PlainResource[] =>
    names.map((name) => ({ attributes: { "service.name": name }, scopes: [{ name, version: "1" }] }));

  it("include and exclude choose by service, library, resource and own attributes", async () => {
    const three = services("checkout", "cart", "checkout-canary");
    assert.deepEqual(await chosen("include: {match_type: strict, services: [checkout]}", three), [true, false, false]);
    assert.deepEqual(await chosen("include: {match_type: regexp, services: ['^check']}", three), [true, false, true]);
    assert.deepEqual(
      await chosen(
        "include: {match_type: regexp, services: [c]}\nexclude: {match_type: strict, services: [cart]}",
        three,
      ),
      [true, false, true],
    );
    assert.deepEqual(
      await chosen("exclude: {match_type: strict, libraries: [{name: cart}, {name: checkout, version: '2'}]}", three),
      [true, false, true],
    );
    assert.deepEqual(
      await chosen("include: {match_type: regexp, resources: [{key: service.name, value: canary}]}", three),
      [false, false, true],
    );
  });

  it("strict compares types, regexp compares text, and no value asks for the key", async () => {
    const owns: PlainAttributes[] = [{ n: 1n }, { n: 1 }, { n: "1" }, { n: true }, { n: Buffer.from("1") }, {}];
    // Equal resources would be joined.
    const own: PlainResource[] = owns.map((attributes, index) => ({
      attributes: { index: BigInt(index) },
      scopes: [{ profiles: [{ attributes }] }],
    }));
    const include = (rest: string) => chosen(`include: {${rest}}`, own);
    assert.deepEqual(await include("match_type: strict, attributes: [{key: n, value: 1}]"), [
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
    assert.deepEqual(await include("match_type: strict, attributes: [{key: n, value: 1.0}]"), [
      false,
      true,
      false,
      false,
      false,
      false,
    ]);
    assert.deepEqual(await include("match_type: regexp, attributes: [{key: n, value: '1|true'}]"), [
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    assert.deepEqual(await include("match_type: strict, attributes: [{key: n}]"), [
      true,
      true,
      true,
      true,
      true,
      false,
    ]);
  });

  for (const [yaml, message] of [
    ["actions: []", /missing required field "actions"/],
    [
      "actions: [{key: k, action: delete}]\ninclude: {match_type: strict}",
      /at least one of "services", "resources", "libraries"/,
    ],
    ["actions: [{key: k, action: delete}]\ninclude: {services: [x]}", /match_type/],
    [
      "actions: [{key: k, action: delete}]\nexclude: {match_type: regexp, services: ['(']}",
      /service filters: .*missing closing \)/,
    ],
    [
      "actions: [{key: k, action: delete}]\nexclude: {match_type: regexp, attributes: [{key: a, value: 1}]}",
      /only supports Str/,
    ],
    [
      "actions: [{key: k, action: delete}]\ncontext: resource\ninclude: {match_type: strict, libraries: [{name: x}]}",
      /not valid for context/,
    ],
    ["actions: [{key: k, action: delete}]\ninclude: {match_type: strict, span_names: [x]}", /invalid keys: span_names/],
    ["actions: [{key: k, action: delete}]\ncontext: span", /context/],
  ] as const) {
    it(`refuses ${yaml.replace(/\n/g, " ")}`, async () => {
      await assert.rejects(through("attributes", yaml), message);
    });
  }
});

/** Timestamps of all samples: what joining samples must not change. */
function eventCount(batch: ReturnType<typeof allRecorded>[number]): number {
  let events = 0;
  for (const resource of batch.resources) {
    for (const scope of resource.scopes) {
      for (const profile of scope.profiles) events += profile.columns().timestamps.length;
    }
  }
  return events;
}
