import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ebpfReceiverSchema } from "../../../receivers/ebpf/config.js";

const listen = { endpoint: "localhost:4319" };

describe("configuration of the ebpf receiver", () => {
  for (const [name, config, message] of [
    ["nothing to do", {}, "nothing to do: `agent`, `command` or `listen` must be given"],
    [
      "two sources",
      { agent: "auto", listen },
      "goes with neither `agent` nor `command`: use a second receiver, ebpf/NAME",
    ],
    [
      "a command for whichever agent there is",
      { agent: "auto", command: ["x"] },
      "goes with `agent: otel`, `agent: bpftrace` or none",
    ],
    ["off-CPU with bpftrace", { agent: "bpftrace", off_cpu_probability: 0.1 }, "needs `agent: otel`"],
    ["probes with bpftrace", { agent: "bpftrace", probes: ["kprobe:x"] }, "need `agent: otel`"],
    [
      "a probe that is none",
      { agent: "otel", probes: ["uprobe:malloc"] },
      "must be kprobe:SYMBOL, kretprobe:SYMBOL, uprobe:FILE:SYMBOL or uretprobe:FILE:SYMBOL",
    ],
    [
      "a filter without a condition",
      { listen, include: [{}] },
      "must say what to match: executable, pid, cgroup or container",
    ],
    ["a part of the key twice", { listen: { ...listen, map_key: ["pid", "pid", "ustack"] } }, "names a part twice"],
    [
      "a key without stacks",
      { listen: { ...listen, map_key: ["pid"] } },
      "must have a stack: `kstack`, `ustack` or both",
    ],
    [
      "a key with stacks in the middle",
      { listen: { ...listen, map_key: ["ustack", "pid"] } },
      "stacks must be the last parts",
    ],
    ["an interval that is too short", { listen, interval: "10ms" }, "must be between 100ms and 10m"],
  ] as const) {
    it(`refuses ${name}`, () => {
      const issues = ebpfReceiverSchema.safeParse(config).error?.issues ?? [];
      assert.deepEqual(
        issues.map((issue) => issue.message),
        [message],
      );
    });
  }

  it("refuses a rate past 99 Hz", () => {
    assert.equal(ebpfReceiverSchema.safeParse({ listen, sample_rate: 99 }).success, true);
    assert.equal(ebpfReceiverSchema.safeParse({ listen, sample_rate: 100 }).success, false);
  });
});
