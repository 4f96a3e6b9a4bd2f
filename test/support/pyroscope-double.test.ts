import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { startPyroscopeDouble } from "./pyroscope-double.js";

interface Case {
  readonly name: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly status: number;
  readonly code?: string;
  readonly totals?: Record<string, string>;
}

const { recordedAtMs, cases }: { recordedAtMs: number; cases: Case[] } = JSON.parse(
  readFileSync("test/fixtures/wire/pyroscope-contract/push.json", "utf8"),
);

describe("the double of Pyroscope's push", () => {
  for (const recorded of cases) {
    it(`answers and stores as the real one: ${recorded.name}`, async () => {
      const double = await startPyroscopeDouble({ nowMs: () => recordedAtMs });
      try {
        const response = await fetch(`${double.url}/push.v1.PusherService/Push`, {
          method: "POST",
          headers: recorded.headers,
          body: Buffer.from(recorded.body, "base64"),
        });
        const text = await response.text();
        assert.equal(response.status, recorded.status, text);
        assert.equal(text.startsWith("{") ? JSON.parse(text).code : undefined, recorded.code);
        if (!recorded.totals) return;
        const expected = Object.entries(recorded.totals).filter(([, value]) => value !== "0");
        const totals = Object.entries(double.totals()).map(([id, value]) => [id, String(value)]);
        const known = totals.filter(([id]) => recorded.totals?.[id] !== "0");
        assert.deepEqual(Object.fromEntries(known), Object.fromEntries(expected));
      } finally {
        await double.close();
      }
    });
  }
});
