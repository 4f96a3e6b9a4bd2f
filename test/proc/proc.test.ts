import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { readBpfPrograms } from "../../src/proc/bpf-programs.js";
import { cpuWaitMs } from "../../src/proc/cpu-wait.js";
import { kernelCpuMs } from "../../src/proc/host-cpu.js";
import { bootTimeMs, executableOf, readProcFile, readStat } from "../../src/proc/proc-files.js";
import { cpuMsOfTree, peakResidentBytes, readProcessTree } from "../../src/proc/process-tree.js";

let proc: string;

beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), "flamepipe-proc-"));
});
afterEach(() => rmSync(proc, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(proc, path)), { recursive: true });
  writeFileSync(join(proc, path), text);
}

/** Fields 4 to 22 of stat, each its own number but for those given. */
function writeStat(pid: number, comm: string, parentPid: number, cpu: readonly number[] = [0, 0, 0, 0]): void {
  const fields = Array.from({ length: 19 }, (_, at) => 1000 + at);
  fields[0] = parentPid;
  fields.splice(10, 4, ...cpu);
  write(`${pid}/stat`, `${pid} (${comm}) S ${fields.join(" ")} 99 98\n`);
}

describe("readStat", () => {
  it("reads a process whose name looks like the fields behind it", () => {
    writeStat(7, "a) S 1 (b", 3, [1, 20, 300, 4000]);
    assert.deepEqual(readStat(proc, 7), {
      comm: "a) S 1 (b",
      parentPid: 3,
      cpuTicks: 21,
      endedChildrenTicks: 4300,
      startTicks: 1018,
    });
  });

  it("has nothing of a process that is gone, or of what is no stat", () => {
    write("8/stat", "8 (cut) S 1 2");
    write("9/stat", "nothing");
    assert.deepEqual(
      [7, 8, 9].map((pid) => readStat(proc, pid)),
      [undefined, undefined, undefined],
    );
  });
});

describe("readProcFile", () => {
  it("reads what is longer than its first buffer, and no more than it is told", () => {
    const text = "0123456789".repeat(5000);
    write("maps", text);
    assert.equal(readProcFile(join(proc, "maps"), 1_000_000), text);
    assert.equal(readProcFile(join(proc, "maps"), 33_333), text.slice(0, 33_333));
    assert.equal(readProcFile(join(proc, "none"), 10), undefined);
  });
});

describe("the host", () => {
  it("has a boot time and time in the kernel, where /proc/stat says so", () => {
    assert.equal(bootTimeMs(proc), undefined);
    assert.equal(kernelCpuMs(proc), undefined);
    write("stat", "cpu  1 20 300 4000 50000 600000 7000000 8 9 10\ncpu0 5 5 5 5 5 5 5 5 5 5\nbtime 1700000000\n");
    assert.equal(bootTimeMs(proc), 1_700_000_000_000);
    assert.equal(kernelCpuMs(proc), 10 * (300 + 600_000 + 7_000_000));
  });
});

describe("readProcessTree", () => {
  it("has a process and its descendants, and nobody else", () => {
    writeStat(1, "init", 0);
    writeStat(10, "node", 1, [5, 1, 0, 0]);
    symlinkSync("/usr/bin/node (deleted)", join(proc, "10", "exe"));
    writeStat(30, "bpftrace", 20, [200, 30, 4, 0]);
    writeStat(20, "setpriv", 10, [0, 0, 0, 1]);
    writeStat(11, "other", 1, [9, 9, 9, 9]);
    write("self/stat", "a name that is no id");
    const tree = readProcessTree(proc, 10);
    assert.deepEqual(
      tree.map(({ pid, executable }) => [pid, executable]),
      [
        [10, "/usr/bin/node"],
        [20, ""],
        [30, ""],
      ],
    );
    assert.equal(executableOf(proc, 10), "/usr/bin/node");
    assert.equal(cpuMsOfTree(tree), 10 * (6 + 1 + 234));
  });

  it("is empty for a process that is gone, and ends where ids were reused into a ring", () => {
    writeStat(10, "a", 12);
    writeStat(12, "b", 10);
    assert.deepEqual(readProcessTree(proc, 11), []);
    assert.deepEqual(
      readProcessTree(proc, 10).map(({ pid }) => pid),
      [10, 12],
    );
  });
});

describe("peakResidentBytes", () => {
  it("is the high-water mark, else what is resident now, else nothing", () => {
    write("5/status", "Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n");
    write("6/status", "Name:\tx\nVmRSS:\t  1024 kB\n");
    write("7/status", "Name:\tkthreadd\n");
    assert.deepEqual(
      [5, 6, 7, 8].map((pid) => peakResidentBytes(proc, pid)),
      [2_097_152, 1_048_576, 0, 0],
    );
  });
});

describe("readBpfPrograms", () => {
  it("has each program once, and no other descriptors", () => {
    const program = (id: number, ns: string) =>
      `pos:\t0\nflags:\t02000002\nprog_type:\t7\nprog_tag:\t9ff911bd14c10845\nprog_id:\t${id}\nrun_time_ns:\t${ns}\nrun_cnt:\t42\n`;
    write("5/fdinfo/0", "pos:\t0\nflags:\t02\n");
    write("5/fdinfo/9", program(235, "9007199254740993"));
    write("5/fdinfo/10", "pos:\t0\nlink_type:\tperf\nprog_tag:\t9ff911bd14c10845\nprog_id:\t235\n");
    write("6/fdinfo/9", program(235, "9007199254740993"));
    write("6/fdinfo/3", program(17, "0"));
    assert.deepEqual(
      [...readBpfPrograms(proc, [5, 6, 7]).values()].sort((a, b) => a.id - b.id),
      [
        { id: 17, runNs: 0n, runs: 42n },
        { id: 235, runNs: 9_007_199_254_740_993n, runs: 42n },
      ],
    );
  });
});

describe("cpuWaitMs", () => {
  it("is what the kernel counted, and 0 where it counts nothing", () => {
    write("7/schedstat", "123 45600000 9\n");
    write("8/schedstat", "nothing");
    assert.deepEqual(
      [7, 8, 9].map((pid) => cpuWaitMs(proc, pid)),
      [45.6, 0, 0],
    );
  });
});
