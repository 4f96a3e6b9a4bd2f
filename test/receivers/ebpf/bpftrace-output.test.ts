import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createBpftraceOutput } from "../../../receivers/ebpf/bpftrace-agent.js";
import type { EbpfMetrics } from "../../../receivers/ebpf/ebpf-metrics.js";
import type { Intake } from "../../../receivers/ebpf/intake.js";

/** What our program's output comes to: "a 5" is a half with so many samples, "an 5" its total. */
function read(lines: readonly string[], options: { ending?: number; failures?: number } = {}) {
  const seen = { samples: 0, lost: 0, intervals: 0, worn: 0 };
  const intake = {
    process(_pid: number, _comm: string, count: number) {
      seen.samples += count;
      return undefined;
    },
    fault: (fault: string, detail: string) => assert.fail(`${fault} ${detail}`),
    lostEvents: (count: number) => {
      seen.lost += count;
    },
    flush: async () => {
      seen.intervals++;
    },
  } as unknown as Intake;
  const metrics = { stackLookupFailed() {} } as unknown as EbpfMetrics;
  const output = createBpftraceOutput(intake, metrics, () => seen.worn++);
  for (let i = 0; i < (options.failures ?? 0); i++) {
    assert.equal(output.stderrLine("ERROR: failed to look up stack id -17 (pid -1): -2"), true);
  }
  for (const [at, line] of lines.entries()) {
    if (at === options.ending) output.lastWords();
    const [name, count] = line.split(" ");
    const content = name.endsWith("n") ? Number(count) : { "7,7,work,,\n    0x4011\n": Number(count) };
    output.parser.line(Buffer.from(JSON.stringify({ type: "map", data: { [`@${name}`]: content } })));
  }
  output.parser.end(undefined);
  return seen;
}

describe("the output of our bpftrace program", () => {
  for (const [name, lines, options, expected] of [
    [
      "halves that take turns",
      ["a 5", "an 5", "b 7", "bn 7", "a 1", "an 1"],
      {},
      { samples: 13, lost: 0, intervals: 3 },
    ],
    ["a total that is ahead of its half", ["a 5", "an 9"], {}, { samples: 5, lost: 4, intervals: 1 }],
    [
      "a half that is printed again before it was cleared",
      ["a 5", "a 8", "an 8", "b 2", "bn 2"],
      { ending: 1 },
      { samples: 10, lost: 0, intervals: 2 },
    ],
    [
      "a total that is printed again before it was cleared",
      ["a 5", "an 5", "an 5", "b 2", "bn 2"],
      { ending: 2 },
      { samples: 7, lost: 0, intervals: 2 },
    ],
    [
      "a total that was not cleared before the end",
      ["a 5", "an 5", "a 3", "an 8", "bn 0"],
      { ending: 2 },
      { samples: 8, lost: 0, intervals: 2 },
    ],
    ["a half whose total is missing", ["a 5", "b 2", "bn 2"], {}, { samples: 7, lost: 0, intervals: 1 }],
    ["an end in the middle", ["a 5"], {}, { samples: 5, lost: 0, intervals: 0 }],
  ] as const) {
    it(`is read with ${name}`, () => assert.deepEqual(read(lines, options), { ...expected, worn: 0 }));
  }

  it("is worn when too many stacks can't be looked up", () => {
    assert.equal(read(["a 5", "an 5"], { failures: 1 }).worn, 1);
    const other = createBpftraceOutput({} as Intake, {} as EbpfMetrics, () => {});
    assert.equal(other.stderrLine("ERROR: something else"), false);
  });
});
