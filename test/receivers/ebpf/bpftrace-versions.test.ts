import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { bpftraceCommand } from "../../../receivers/ebpf/bpftrace-agent.js";
import { escapedOnce } from "../../../receivers/ebpf/bpftrace-text.js";
import { parseBpftraceFrame } from "../../../receivers/ebpf/frame-text.js";
import { faultsOf, noFaults, read } from "./read-stream.js";
import { sumOf } from "./rig.js";

const map_key = ["pid", "tid", "comm", "kstack", "ustack"];
const recording = (name: string) => readFileSync(`test/fixtures/wire/bpftrace/${name}.jsonl`);

describe("what other releases of bpftrace print", () => {
  // 0.23 escapes keys twice, 0.27 leaves blanks out of them; both print an empty stack as a newline.
  for (const [name, total, thread] of [
    ["program-0.23", 111n, "two words"],
    ["program-0.27", 165n, "twowords"],
  ] as const) {
    it(`our program's ${name}.jsonl arrives with all ${total} samples`, async () => {
      const result = await read({ listen: { map_key } }, recording(name));
      assert.equal(sumOf(result.batches), total);
      assert.deepEqual(await faultsOf(result), noFaults);
      assert.deepEqual(new Set(result.stacks.map(({ sample }) => sample["thread.name"])), new Set(["g-strip", thread]));
      const plain = result.stacks.filter(({ stack }) => stack.join() === "0x47a752,0x47a838,0x443ef4,0x477540");
      assert.ok(plain.length > 0);
      const inKernel = result.stacks.find(({ stack }) => stack.includes("asm_sysvec_apic_timer_interrupt_k"));
      assert.ok(inKernel?.stack.at(-1)?.startsWith("0x"));
      assert.ok(result.stacks.every(({ stack }) => stack.length >= 3));
    });
  }

  it("a key that is escaped twice may hold whatever a name holds", async () => {
    const key = '7,8,a "b" c\\d,\n        schedule+1\n,\n47a752\n';
    const twice = JSON.stringify({ type: "map", data: { "@": { [JSON.stringify(key).slice(1, -1)]: 3 } } });
    const once = JSON.stringify({ type: "map", data: { "@": { [key]: 3 } } });
    assert.equal(escapedOnce(twice), once);
    const result = await read({ listen: { map_key } }, `${twice}\n${once}\n`);
    assert.deepEqual(await faultsOf(result), noFaults);
    const [found] = result.stacks;
    assert.deepEqual(
      [result.stacks.length, found.value, found.sample["thread.name"], found.stack],
      [1, 6n, 'a "b" c\\d', ["schedule_k", "0x47a752"]],
    );
  });

  it("a thread that is named as if its line were escaped twice changes nothing of it", async () => {
    const line = JSON.stringify({
      type: "map",
      data: { "@": { "7,8,x\\n,\n,\n47a752\n": 1, "7,8,y,\n,\n47a752\n": 1 } },
    });
    assert.equal(escapedOnce(line), line);
    const { stacks } = await read({ listen: { map_key } }, `${line}\n`);
    assert.deepEqual(
      stacks.map(({ sample }) => sample["thread.name"]),
      ["x\\n", "y"],
    );
  });

  it("a frame without blanks is an address and a name all the same", () => {
    for (const [text, address, symbol, module] of [
      ["\t56108b30113aspin+17(/srv/app)", 0x56108b30113an, "spin", "/srv/app"],
      ["\t7fe21f64c24aadd+122(/usr/lib/libc.so.6)", 0x7fe21f64c24an, "add", "/usr/lib/libc.so.6"],
      ["\t43990eruntime.memmove+34(/srv/orders)", 0x43990en, "runtime.memmove", "/srv/orders"],
      ["\t43990e0x43990e([unknown])", 0x43990en, "", ""],
      [
        "\tffffffff81000e06asm_sysvec_apic_timer_interrupt+22",
        0xffffffff81000e06n,
        "asm_sysvec_apic_timer_interrupt",
        "",
      ],
      ["\t7f394b2a5ebfstd::f(int,charconst*)+7(/srv/app)", 0x7f394b2a5ebfn, "std::f(int,charconst*)", "/srv/app"],
      ["47a752", 0x47a752n, "", ""],
      ["0", 0n, "", ""],
    ] as const) {
      assert.deepEqual(parseBpftraceFrame(text), { address, symbol, module }, text);
    }
  });
});

describe("the program for a release of bpftrace", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "flamepipe-bpftrace-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [said, hasRawStacks, hasOldName] of [
    ["bpftrace v0.17.0", false, true],
    ["bpftrace v0.20.2", true, true],
    ["bpftrace v0.23.2", true, false],
    ["bpftrace v1.0.0", true, false],
    ["no idea", false, true],
  ] as const) {
    it(`has ${hasRawStacks ? "raw" : "other"} stacks where it says ${said}`, async () => {
      const program = join(folder, "bpftrace");
      writeFileSync(program, `#!/bin/sh\n[ "$2" = --version ] && echo "${said}"\n`);
      chmodSync(program, 0o755);
      const { args, env } = await bpftraceCommand(program, ["-q"], { sampleRateHz: 19, intervalMs: 5000, pids: [] });
      const text = args.at(-1) ?? "";
      assert.equal(args[0], "-q");
      assert.deepEqual(
        [text.includes("ustack(raw, 127)"), text.includes("ustack(127)"), env?.BPFTRACE_MAP_KEYS_MAX !== undefined],
        [hasRawStacks, !hasRawStacks, hasOldName],
      );
    });
  }

  it("is the old one where the program can't be asked", async () => {
    const { args } = await bpftraceCommand(join(folder, "none"), [], { sampleRateHz: 19, intervalMs: 5000, pids: [] });
    assert.match(args.at(-1) ?? "", /ustack\(127\)/);
  });
});
