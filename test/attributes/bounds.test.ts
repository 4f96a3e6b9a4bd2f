import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LruCache } from "../../src/attributes/lru-cache.js";
import { ResourceEditor } from "../../src/attributes/resource-editor.js";
import { keyValue, stringValue } from "../../src/pdata/any-value.js";
import { plainOf, profilesOf } from "../support/plain-profiles.js";

describe("LruCache", () => {
  it("forgets what was used longest ago, by count", () => {
    const cache = new LruCache<number>(3, 1000, () => 1);
    for (const key of ["a", "b", "c"]) cache.set(key, 1);
    cache.get("a");
    cache.set("d", 1);
    assert.deepEqual(
      ["a", "b", "c", "d"].map((key) => cache.get(key)),
      [1, undefined, 1, 1],
    );
  });

  it("stays within its weight, and does not keep what is too heavy alone", () => {
    const cache = new LruCache<number>(1000, 160, (_key, value) => value);
    for (let i = 0; i < 100; i++) cache.set(`k${i}`, 10);
    assert.equal(cache.size, 16);
    assert.equal(cache.weight, 160);
    cache.set("heavy", 11);
    assert.equal(cache.get("heavy"), undefined);
    cache.set("k99", 5);
    assert.equal(cache.weight, 155);
  });
});

describe("ResourceEditor", () => {
  it("edits equal resources once, and drops and leaves them as the edit said", () => {
    let runs = 0;
    const editor = new ResourceEditor((attributes) => {
      runs++;
      const name = attributes[0].value.value;
      if (name === "drop") return null;
      return name === "same" ? attributes : [keyValue("edited", stringValue("yes"))];
    });
    for (let i = 0; i < 3; i++) {
      const batch = profilesOf(["drop", "same", "edit"].map((name) => ({ attributes: { name } })));
      assert.deepEqual(
        batch.resources.map((resource) => editor.apply(resource)),
        [false, true, true],
      );
      assert.deepEqual(
        plainOf(batch).map((each) => each.attributes),
        [{ name: "drop" }, { name: "same" }, { edited: "yes" }],
      );
    }
    assert.equal(runs, 3);
    assert.deepEqual([editor.hits, editor.misses], [6, 3]);
  });
});
