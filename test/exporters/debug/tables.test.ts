import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { createHotFunctions, type HotLimits } from "../../../exporters/debug/hot-functions.js";
import { formatValue, renderReport } from "../../../exporters/debug/table.js";
import { judge, type Request } from "../../support/otlp-oracle.js";
import { recorded, recordedFiles } from "../../support/recorded.js";
import { type SmallProfile, smallProfiles } from "./small-profiles.js";

const at = new Date(Date.UTC(2026, 0, 2, 12));

/** Lines that an interval with these requests prints. */
function printed(requests: readonly (readonly SmallProfile[])[], limits?: HotLimits): string[] {
  const hot = createHotFunctions(limits);
  for (const profiles of requests) hot.add(smallProfiles(...profiles));
  return renderReport(hot.take(), at, 10_000).split("\n");
}

/** The rows of the tables: self, total, name. */
function rows(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const row = /^\s+(.+?%)\s+(.+?%)\s+(\S.*)$/.exec(line);
    return row ? [row.slice(1).join(" | ").replace(/ +/g, " ")] : [];
  });
}

describe("tables of hot functions", () => {
  it("sums self and total per function, over requests", () => {
    const request: SmallProfile = {
      service: "shop",
      samples: [
        { stack: ["leaf", "main"], value: 3 },
        { stack: ["other", "main"], value: 1 },
      ],
    };
    const lines = printed([[request], [request]]);
    assert.deepEqual(
      lines,
      [
        "",
        "2026-01-02T12:00:00.000Z  shop  last 10 s",
        "  samples (count): 8",
        "                self               total  function",
        "            6  75.0%            6  75.0%  leaf",
        "            2  25.0%            2  25.0%  other",
        "            0   0.0%          8 100.0%  main",
        "",
      ].map((line) => line.replace("8 100.0%", "  8 100.0%")),
    );
  });

  it("counts one for each timestamp of a sample without values, and says what CPU time that is", () => {
    const lines = printed([
      [
        {
          service: "shop",
          period: ["cpu", "nanoseconds", 10_000_000],
          samples: [{ stack: ["leaf"], times: [1, 2, 3] }],
        },
      ],
    ]);
    assert.ok(lines.includes("  samples (count): 3, about 30 ms of CPU time"), lines.join("\n"));
  });

  it("counts a function that calls itself once", () => {
    const lines = printed([[{ service: "s", samples: [{ stack: ["f", "f", "g", "f"], value: 5 }] }]]);
    assert.deepEqual(rows(lines), ["5 100.0% | 5 100.0% | f", "0 0.0% | 5 100.0% | g"]);
  });

  it("takes the innermost of inlined functions as self", () => {
    const lines = printed([[{ service: "s", samples: [{ stack: [["inner", "outer"], "main"], value: 5 }] }]]);
    assert.deepEqual(rows(lines), [
      "5 100.0% | 5 100.0% | inner",
      "0 0.0% | 5 100.0% | main",
      "0 0.0% | 5 100.0% | outer",
    ]);
  });

  it("names frames without a function by binary and address", () => {
    const stack = [
      { binary: "/usr/lib/libssl.so.3", address: 0x1bb1c0 },
      { address: 0xff },
      { binary: "/app/server", address: 0 },
      { address: 0 },
    ];
    const names = rows(printed([[{ service: "s", samples: [{ stack, value: 1 }] }]])).map((row) => row.split(" | ")[2]);
    assert.deepEqual(names, ["libssl.so.3+0x1bb1c0", "0xff", "[unknown]", "server"]);
  });

  it("prints a table per sample type below its service, in the type's unit", () => {
    const lines = printed([
      [
        { service: "a", sampleType: ["cpu", "nanoseconds"], samples: [{ stack: ["f"], value: 1_500_000_000 }] },
        { service: "b", sampleType: ["inuse_space", "bytes"], samples: [{ stack: ["f"], value: 3 * 2 ** 20 }] },
        { service: "a", sampleType: ["alloc_objects", "count"], samples: [{ stack: ["f"], value: 1234567 }] },
      ],
    ]);
    assert.deepEqual(
      lines.filter((line) => /^ {2}\S|Z/.test(line)),
      [
        "2026-01-02T12:00:00.000Z  a  last 10 s",
        "  cpu (nanoseconds): 1.50 s",
        "  alloc_objects (count): 1,234,567",
        "2026-01-02T12:00:00.000Z  b  last 10 s",
        "  inuse_space (bytes): 3 MiB",
      ],
    );
  });

  it("names services that have no name as the conventions do", () => {
    const samples = [{ stack: ["f"], value: 1 }];
    const lines = printed([[{ samples }, { executable: "node", samples }, { service: "", samples }]]);
    const services = lines.flatMap((line) => /Z {2}(.*) {2}last/.exec(line)?.[1] ?? []);
    assert.deepEqual(services, ["unknown_service", "unknown_service:node"]);
  });

  it("keeps the hottest ten, and says how many more there are", () => {
    const samples = Array.from({ length: 1500 }, (_, i) => ({ stack: [`f${i}`], value: i + 1 }));
    const lines = printed([[{ service: "s", samples }]]);
    assert.equal(rows(lines).length, 10);
    assert.match(rows(lines)[0], /\| f1499$/);
    assert.ok(lines.some((line) => line.endsWith("… and 1,490 more functions")));
  });

  it("prints nothing when nothing came, and starts anew after each report", () => {
    const hot = createHotFunctions();
    assert.equal(renderReport(hot.take(), at, 10_000), "");
    hot.add(smallProfiles({ service: "s", samples: [{ stack: ["f"], value: 1 }] }));
    assert.notEqual(renderReport(hot.take(), at, 10_000), "");
    assert.equal(renderReport(hot.take(), at, 10_000), "");
    hot.add(smallProfiles({ service: "s", samples: [] }));
    assert.equal(renderReport(hot.take(), at, 10_000), "");
  });

  it("holds no more functions and tables than its limits, and says what it cut", () => {
    const lines = printed(
      [
        [
          { service: "a", samples: ["f", "g", "h"].map((name) => ({ stack: [name], value: 2 })) },
          { service: "b", samples: [{ stack: ["f"], value: 7 }] },
          { service: "c", samples: [{ stack: ["f"], value: 9 }] },
        ],
      ],
      { maxTables: 2, maxFunctions: 2 },
    );
    assert.equal(rows(lines).length, 2, "f and g of a");
    assert.ok(
      lines.includes("  (cut: 2  33.3% of self fell on functions that found no room in this table)"),
      lines.join("\n"),
    );
    assert.ok(lines.includes("  (cut: 7 100.0% of self fell on functions that found no room in this table)"));
    assert.ok(
      lines.includes("(1 samples of further services or sample types are not shown: too many of them)"),
      lines.join("\n"),
    );
  });

  it("lets no control codes through, and cuts long names", () => {
    const evil = "a\u001b[2Jb\nc\u202e";
    const lines = printed([[{ service: evil, samples: [{ stack: [evil, "x".repeat(500)], value: 1 }] }]]);
    const text = lines.join("");
    assert.doesNotMatch(text, /\p{Cc}|\p{Cf}/u);
    assert.ok(text.includes("a\uFFFD[2Jb\uFFFDc\uFFFD"));
    assert.ok(Math.max(...lines.map((line) => line.length)) < 200);
  });

  it("sums every sample of a recorded request", () => {
    const hot = createHotFunctions();
    hot.add(recorded());
    const { tables, samplesCut } = hot.take();
    const events = tables.reduce((sum, table) => sum + table.sum, 0);
    const selves = tables.flatMap((table) => [...table.functions.values()].map((row) => row.self));
    assert.equal(samplesCut, 0);
    assert.equal(
      selves.reduce((a, b) => a + b),
      events,
    );
    assert.equal(events, timestampCount(readFileSync(recordedFiles[0])));
  });
});

/** Events of a request whose samples have timestamps only, found by protobufjs. */
function timestampCount(bytes: Buffer): number {
  const verdict = judge(bytes);
  assert.ok(verdict.ok);
  const list = (value: Request): Request[] => value ?? [];
  return list(verdict.request.resource_profiles)
    .flatMap((resource) => list(resource.scope_profiles))
    .flatMap((scope) => list(scope.profiles))
    .flatMap((profile) => list(profile.samples))
    .reduce((sum, sample) => sum + sample.timestamps_unix_nano.length, 0);
}

describe("formatValue", () => {
  for (const [value, unit, text] of [
    [0, "count", "0"],
    [999, "count", "999"],
    [1000, "count", "1,000"],
    [-1234567, "count", "-1,234,567"],
    [0.5, "ratio", "0.50"],
    [12345.678, "", "12,345.68"],
    [0, "nanoseconds", "0 ns"],
    [999, "nanoseconds", "999 ns"],
    [1500, "nanoseconds", "1.50 µs"],
    [2, "milliseconds", "2 ms"],
    [90, "seconds", "1.50 min"],
    [7200e9, "nanoseconds", "2 h"],
    [1023, "bytes", "1023 B"],
    [1536, "bytes", "1.50 KiB"],
    [5 * 2 ** 40, "bytes", "5 TiB"],
    [-2048, "bytes", "-2 KiB"],
  ] as const) {
    it(`prints ${value} ${unit} as ${text}`, () => assert.equal(formatValue(value, unit), text));
  }
});
