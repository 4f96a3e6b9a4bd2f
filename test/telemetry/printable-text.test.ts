import assert from "node:assert/strict";
import { it } from "node:test";
import { printableText } from "../../src/telemetry/printable-text.js";

it("text for a terminal has no control codes and is one line", () => {
  assert.equal(printableText("main.(*Server).serve ü 日本"), "main.(*Server).serve ü 日本");
  assert.equal(printableText("a\u001b[2J\nb\u009b1m\u202ec\u2028"), "a\uFFFD[2J\uFFFDb\uFFFD1m\uFFFDc\uFFFD");
});
