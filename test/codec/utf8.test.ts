import assert from "node:assert/strict";
import { test } from "node:test";
import { replaceBadUtf8 } from "../../src/codec/utf8.js";

test("each byte that is part of no character becomes U+FFFD", () => {
  for (const [hex, text] of [
    ["", ""],
    ["6d61c3bcf09f9880", "maü\u{1f600}"],
    ["ff", "\ufffd"],
    ["61ff62fe", "a\ufffdb\ufffd"],
    ["c0806d", "\ufffd\ufffdm"],
    ["eda080edb080", "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd"],
    ["e282", "\ufffd\ufffd"],
    ["f4908080", "\ufffd\ufffd\ufffd\ufffd"],
    ["e080af", "\ufffd\ufffd\ufffd"],
    ["efbfbd", "\ufffd"],
  ]) {
    assert.equal(replaceBadUtf8(Buffer.from(hex, "hex")), text, hex);
  }
});

test("a long text of nothing else takes no more than it needs", () => {
  const text = replaceBadUtf8(Buffer.alloc(4_000_000, 0xff));
  assert.equal(text.length, 4_000_000);
  assert.equal(text.charCodeAt(3_999_999), 0xfffd);
});
