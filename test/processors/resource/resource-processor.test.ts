import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { background, withContext } from "../../../src/component/context.js";
import { recorded } from "../../support/recorded.js";
import { through } from "../through.js";

const attributesAfter = async (yaml: string, attributes: Record<string, string | bigint>, ctx = background) => {
  const processor = await through("resource", yaml);
  const out = await processor.send([{ attributes }], ctx);
  return out?.[0].attributes;
};

describe("resource", () => {
  it("applies the actions in order, and keeps types as they are written", async () => {
    const yaml = `
attributes:
  - {action: insert, key: ratio, value: 1.0}
  - {action: insert, key: count, value: 1}
  - {action: upsert, key: name, value: '007'}
  - {action: UPDATE, key: nowhere, value: x}
  - {action: delete, pattern: '^secret\\.'}
  - {action: hash, key: user}`;
    const out = await attributesAfter(yaml, { name: "x", "secret.a": "1", user: "me", pid: 9007199254740993n });
    assert.deepEqual(out, {
      name: "007",
      user: "2744ccd10c7533bd736ad890f9dd5cab2adb27b07d500b9493f29cdc420cb2e0",
      pid: 9007199254740993n,
      ratio: 1,
      count: 1n,
    });
  });

  it("takes values from the request", async () => {
    const yaml = `
attributes:
  - {action: upsert, key: tenant, from_context: metadata.X-Scope-OrgID, default_value: anonymous}
  - {action: upsert, key: user, from_context: auth.subject}
  - {action: upsert, key: peer, from_context: client.address}`;
    const ctx = withContext(background, {
      metadata: new Map([["x-scope-orgid", ["a", "b"]]]),
      client: { address: "[::1]:4242", auth: { subject: "eve" } },
    });
    assert.deepEqual(await attributesAfter(yaml, {}, ctx), { tenant: "a;b", user: "eve", peer: "::1" });
    assert.deepEqual(await attributesAfter(yaml, {}), { tenant: "anonymous", peer: "" });
  });

  it("answers for each request anew where the value depends on it", async () => {
    const processor = await through("resource", "attributes: [{action: insert, key: t, from_context: x-t}]");
    for (const tenant of ["one", "two"]) {
      const ctx = withContext(background, { metadata: new Map([["x-t", [tenant]]]) });
      assert.deepEqual((await processor.send([{ attributes: { same: "same" } }], ctx))?.[0].attributes, {
        same: "same",
        t: tenant,
      });
    }
  });

  it("does the same with a resource it has seen before", async () => {
    const processor = await through(
      "resource",
      "attributes: [{action: delete, key: gone}, {action: insert, key: x, value: y}]",
    );
    for (let i = 0; i < 3; i++) {
      const out = await processor.send([{ attributes: { gone: "1", kept: "2" } }, { attributes: { kept: "3" } }]);
      assert.deepEqual(
        out?.map((each) => each.attributes),
        [
          { kept: "2", x: "y" },
          { kept: "3", x: "y" },
        ],
      );
    }
  });

  it("leaves the bytes alone where nothing changes", async () => {
    const processor = await through("resource", "attributes: [{action: delete, key: not-there}]");
    const before = Buffer.concat(recorded().encode());
    const out = await processor.sendProfiles(recorded());
    assert.ok(out?.untouched);
    assert.ok(before.equals(Buffer.concat(out.encode())));
  });

  for (const [yaml, message] of [
    ["attributes: []", /missing required field "attributes"/],
    ["attributes: [{key: k, action: rename}]", /error with key "k" \(0-th action\): .*unsupported action "rename"/],
    [
      "attributes: [{key: k, action: hash}, {action: insert, value: 1}]",
      /missing required field "key" at the 1-th action/,
    ],
    ["attributes: [{key: k, action: delete, pattern: '('}]", /Field "pattern" has invalid pattern: "\("/],
    [
      "attributes: [{key: 5, action: delete}]",
      /attributes\[0\]\.key.*expected type 'string', got unconvertible type 'int'/,
    ],
    ["attributes: [{key: k, acton: delete}]", /invalid keys: acton/],
  ] as const) {
    it(`refuses ${yaml}`, async () => {
      await assert.rejects(through("resource", yaml), message);
    });
  }
});
