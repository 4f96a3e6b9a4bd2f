import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultsOf, noFaults, read } from "./read-stream.js";
import { sumOf } from "./rig.js";

describe("a stream of perf script", () => {
  it("an event of perf that is broken is left out up to the next empty line", async () => {
    const event = (body: string) => `work 7/8 [001] 1.5: 100 cycles:P:\n${body}\n`;
    const text = `${event("\t4011 leaf+0x1 (/bin/work)\n")}${event("\tno frame here\n\t4011 a (b)\n")}nonsense\n\t4011 a (b)\n\n${event("\t4011 leaf+0x1 (/bin/work)\n")}`;
    const result = await read({ listen: { format: "perf_script" } }, text);
    assert.equal(sumOf(result.batches), 2n);
    assert.deepEqual(await faultsOf(result), { ...noFaults, invalid: 2 });
    assert.deepEqual(result.stacks[0].stack, ["leaf"]);
    assert.deepEqual(result.stacks[0].sample, { "thread.name": "work", "thread.id": 8n, "cpu.logical_number": 1n });
  });

  it("an event of perf without a call graph is a line, indented or not, whatever its frame is called", async () => {
    const long = "v8::internal::Parser<".repeat(40);
    const text = `            work     7 [001] 11.991568:   10101010 cpu-clock:pppH:      7fbf077c5b40 [unknown] (/memfd:jit)
              dd     7 [001] 11.991668:   10101010 cpu-clock:pppH:           1727e7d ${long}+0x15d (/bin/dd)
            work     7 [000] 11.991768:   10101010 cpu-clock:pppH:  ffffffff81399b71 schedule+0x41 ([kernel.kallsyms])
  sched.c:12
 fifteen letters     7 [000] 11.991868:   10101010 cpu-clock:pppH:           1727e7d main+0x1 (/bin/work)
`;
    const result = await read({ listen: { format: "perf_script" } }, text);
    assert.deepEqual(await faultsOf(result), noFaults);
    assert.deepEqual(
      result.stacks.map(({ stack, sample }) => [sample["thread.name"], ...stack]),
      [
        ["work", "0x7fbf077c5b40"],
        ["dd", long],
        ["work", "schedule_k"],
        ["fifteen letters", "main"],
      ],
    );
  });

  it("what perf tells between its events costs none of them", async () => {
    const event = (comm: string) => `${comm} 7/8 [001] 1.5: 100 cycles:P:\n\t4011 leaf+0x1 (/bin/work)\n\n`;
    const text = `swapper     0 [000]     0.000000: PERF_RECORD_MMAP2 86/86: [0x7f3945188000(0x2000) @ 0 00:00 0 0]: r-xp [vdso]
${event("a")}swapper     0 [000]     0.000000: PERF_RECORD_FORK(1:1):(0:0)
${event("b")}       a   7 [000]     0.000000: PERF_RECORD_COMM exec: a:7/7
${event("c")}nonsense
more of it
${event("d")}`;
    const result = await read({ listen: { format: "perf_script" } }, text);
    assert.deepEqual(
      result.stacks.map(({ sample }) => sample["thread.name"]),
      ["a", "b", "c", "d"],
    );
    assert.deepEqual(await faultsOf(result), { ...noFaults, invalid: 1 });
  });

  it("the offset in the file that perf script -F +dsoff adds is no part of its name", async () => {
    const text =
      "node 7 1.5: cpu-clock:\n\t47a752 [unknown] (/srv/app+0x7a752)\n\t47a834 [unknown] (/srv/app+0x7a834)\n\n";
    const { batches } = await read({ listen: { format: "perf_script" } }, text);
    const { dictionary } = batches[0];
    const files = Array.from({ length: dictionary.mappingCount }, (_, i) =>
      dictionary.string(dictionary.mapping(i).filenameIndex),
    );
    assert.deepEqual(files, ["", "/srv/app"]);
  });

  it("marks of perf script -F +misc are no part of a thread's name", async () => {
    const text = "node 7 [000] U     2.991568:   1010 cpu-clock:pppH: \n\t4011 leaf+0x1 (/bin/work)\n\n";
    const { stacks, batches } = await read({ listen: { format: "perf_script" } }, text);
    assert.deepEqual(stacks[0].sample, { "thread.name": "node", "thread.id": 7n, "cpu.logical_number": 0n });
    assert.equal(batches[0].resources[0].scopes[0].profiles[0].period, 1010n);
  });

  it("frames that perf calls inlined are lines of the frame that they are part of", async () => {
    const text =
      "work 7/8 1.5: cycles:\n\t4011 deep (inlined)\n\t4011 middle (inlined)\n\t4011 outer+0x1 (/bin/work)\n\t4021 main+0x2 (/bin/work)\n\n";
    const { stacks } = await read({ listen: { format: "perf_script" } }, text);
    assert.deepEqual(stacks[0].stack, ["deep<middle<outer", "main"]);
  });
});
