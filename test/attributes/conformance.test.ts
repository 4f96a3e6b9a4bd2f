import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type JsonValue, parseJsonValue } from "../../src/cli/json-value.js";
import { answerAttributes } from "../../src/cli/try-attributes.js";
import { memberOf, optionalMemberOf } from "../../src/cli/try-input.js";
import { formatJsonValue } from "../support/json-text.js";

const corpus = parseJsonValue(readFileSync("test/fixtures/conformance/attribute-action-cases.json", "utf8"));

/** Entries of a map that came from a configuration have no order. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== "object") return value;
  const out: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) out[key] = canonical(member);
  const values = (out.kvlistValue as { values?: { key: string }[] } | undefined)?.values;
  values?.sort((a, b) => (a.key < b.key ? -1 : 1));
  return out;
}

function isNull(value: JsonValue | undefined): boolean {
  return value === undefined || (value.kind === "scalar" && value.type === "null");
}

test("answers as the Collector's attribute actions do", async (t) => {
  const cases = memberOf(corpus, "cases");
  assert(cases.kind === "list" && cases.items.length === 177);
  for (const item of cases.items) {
    const name = memberOf(item, "name");
    await t.test(name.kind === "scalar" ? name.text : "", () => {
      const members = ["actions", "input", "metadata"].flatMap((key) => {
        const member = optionalMemberOf(item, key);
        return member ? [`"${key}":${formatJsonValue(member)}`] : [];
      });
      const answer = JSON.parse(answerAttributes(`{${members.join(",")}}`));
      const refused = optionalMemberOf(item, "refused");
      const expected = isNull(refused)
        ? { output: canonical(JSON.parse(formatJsonValue(memberOf(item, "output")))) }
        : { error: refused?.kind === "scalar" ? refused.text : "" };
      assert.deepEqual(canonical(answer), expected);
    });
  }
});
