import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type JsonMap, parseJsonValue } from "../../src/cli/json-value.js";
import { relabel } from "../../src/relabel/engine.js";
import { LabelBuilder } from "../../src/relabel/label-builder.js";
import { parseRelabelRules } from "../../src/relabel/parse.js";
import type { RawValue } from "../../src/relabel/raw-value.js";

const corpus = parseJsonValue(readFileSync("test/fixtures/conformance/relabel-cases.json", "utf8"));

function member(map: JsonMap, key: string): RawValue | undefined {
  return map.entries.find(([name]) => name === key)?.[1];
}

function labelsOf(value: RawValue | undefined): Map<string, string> {
  assert(value?.kind === "map");
  return new Map(value.entries.map(([name, text]) => [name, text.kind === "scalar" ? text.text : ""]));
}

function answer(rules: RawValue, input: Map<string, string>): Record<string, string> | null | string {
  const labels = new LabelBuilder(input);
  try {
    return relabel(parseRelabelRules(rules), labels) ? sorted(labels.labels()) : null;
  } catch (caught) {
    const text = (caught as Error).message;
    // The YAML reader's own texts: only that the list is refused counts.
    return text.startsWith("yaml:") ? "yaml:" : text;
  }
}

function sorted(labels: Map<string, string>): Record<string, string> {
  return Object.fromEntries([...labels].sort(([a], [b]) => (a < b ? -1 : 1)));
}

test("answers as Prometheus' relabel library does", async (t) => {
  assert(corpus.kind === "map");
  const cases = member(corpus, "cases");
  assert(cases?.kind === "list" && cases.items.length === 686);
  for (const item of cases.items) {
    assert(item.kind === "map");
    const name = member(item, "name") as { text: string };
    await t.test(name.text, () => {
      const error = member(item, "error");
      const output = member(item, "output");
      const refusal = error?.kind === "scalar" ? (error.text.startsWith("yaml:") ? "yaml:" : error.text) : undefined;
      const kept = output?.kind === "map" ? sorted(labelsOf(output)) : null;
      assert.deepEqual(answer(member(item, "rules") as RawValue, labelsOf(member(item, "input"))), refusal ?? kept);
    });
  }
});
