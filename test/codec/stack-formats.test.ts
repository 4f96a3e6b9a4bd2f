import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { addCollapsed, type CollapsedOptions } from "../../src/codec/collapsed.js";
import { addCpuProfile } from "../../src/codec/cpuprofile.js";
import { TooLargeError } from "../../src/codec/invalid.js";
import { addPerfScript } from "../../src/codec/perf-script.js";
import { addSpeedscope } from "../../src/codec/speedscope.js";
import type { StackOptions, StackSummary } from "../../src/codec/stack-options.js";
import { ProfilesBuilder, type ScopeBuilder } from "../../src/pdata/builder.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { cpuMs } from "../support/cpu-ms.js";
import { foldedOf } from "../support/folded.js";
import { profilesOf, totalsOf } from "../support/pprof-cases.js";
import { createRandom, mutate } from "../support/random.js";

const wire = "test/fixtures/wire";

type Add = (scope: ScopeBuilder, bytes: Buffer, options?: StackOptions) => StackSummary;

/** The batch as it comes in again after it went out as OTLP. */
function decode(add: Add, input: Buffer | string, options?: CollapsedOptions): Profiles {
  const builder = new ProfilesBuilder();
  add(builder.resource([]).scope(), Buffer.from(input as string), options);
  return Profiles.parse(Buffer.concat(builder.finish().encode()));
}

function refused(add: Add, input: Buffer | string, reason: RegExp, options?: CollapsedOptions): void {
  assert.throws(
    () => decode(add, input, options),
    (error: Error) => {
      assert.ok(error instanceof InvalidProfilesError, error.stack);
      assert.match(error.message, reason);
      return true;
    },
  );
}

function folded(batch: Profiles, prefixKey?: string): Record<string, bigint> {
  return Object.fromEntries(foldedOf(batch, profilesOf(batch)[0], prefixKey));
}

/** The lines of a folded file, as an independent reader has them. */
function foldedLines(text: string): Record<string, bigint> {
  const stacks: Record<string, bigint> = {};
  for (const line of text.split("\n").filter(Boolean)) {
    const at = line.lastIndexOf(" ");
    const stack = line.slice(0, at);
    stacks[stack] = (stacks[stack] ?? 0n) + BigInt(line.slice(at + 1));
  }
  return stacks;
}

test("recorded collapsed stacks keep every stack and count", () => {
  for (const [file, total] of [
    ["perf/perf.folded", 1198n],
    ["async-profiler/profile.collapsed", 21n],
  ] as const) {
    const bytes = readFileSync(`${wire}/${file}`);
    const batch = decode(addCollapsed, bytes);
    assert.deepEqual(folded(batch), foldedLines(bytes.toString()), file);
    assert.deepEqual(totalsOf(profilesOf(batch)), { "samples/count": total }, file);
  }
});

test("collapsed: spaces in frames, CRLF, comments, repeated stacks, gzip, scale and type", () => {
  const text = "# by hand\r\nmain thread;do it now 3\r\n\r\na;b 1\na;b 2\na;;b  4\n9 5";
  const batch = decode(addCollapsed, gzipSync(text), {
    sampleType: { type: "cpu", unit: "nanoseconds" },
    scale: 10n,
    timeUnixNano: 5n,
  });
  assert.deepEqual(folded(batch), { "main thread;do it now": 30n, "a;b": 70n, "9": 50n });
  const [profile] = profilesOf(batch);
  assert.deepEqual(profile.sampleType, { type: "cpu", unit: "nanoseconds" });
  assert.equal(profile.timeUnixNano, 5n);
});

test("collapsed: exact to 64 bits, and refused past them", () => {
  assert.deepEqual(folded(decode(addCollapsed, "a 9007199254740993\na 9214364837600034814\n")), {
    a: 9223372036854775807n,
  });
  refused(addCollapsed, "a 9223372036854775807\na 1\n", /add up past 64 bits/);
  refused(addCollapsed, `a ${"9".repeat(50)}\n`, /past 64 bits/);
});

test("collapsed: lines that say no count are refused by number", () => {
  refused(addCollapsed, "a;b 1\na;c\n", /^collapsed stacks: line 2 doesn't end with a space and a whole number$/);
  for (const bad of ["a;b 1.5", "a;b -5", "a;b 1e3", "12", "a;b5", "a;b 5x"])
    refused(addCollapsed, bad, /line 1 doesn't end/);
  refused(addCollapsed, "  5", /line 1 (has no frames|doesn't end)/);
  refused(addCollapsed, "<html></html>", /looks like HTML/);
  refused(addCollapsed, Buffer.from([0x61, 0xff, 0x20, 0x31]), /not valid UTF-8/);
  refused(addCollapsed, "a 1\nb 2\n", /larger than 5 bytes/, { maxBytes: 5 });
});

test("recorded perf script reads as stackcollapse-perf read it", () => {
  const wanted = foldedLines(readFileSync(`${wire}/perf/perf.folded`, "utf8"));
  for (const file of ["perf-script.txt.gz", "perf-script-fields.txt.gz"]) {
    const batch = decode(addPerfScript, readFileSync(`${wire}/perf/${file}`));
    assert.deepEqual(totalsOf(profilesOf(batch)), { "samples/count": 1198n });
    assert.deepEqual(folded(batch, "thread.name"), wanted);
    const [profile] = profilesOf(batch);
    assert.deepEqual(profile.periodType, { type: "cpu", unit: "nanoseconds" });
    assert.equal(profile.period, file === "perf-script.txt.gz" ? 10_101_010n : 0n);
    assert.equal(profile.durationNano, 9_989_967_000n);
  }
});

test("perf script: events apart, inlined and unknown frames, odd names, frames in the header line", () => {
  const text = `# captured on: today
VM Thread  12/13 [003] 100.5: 4001 cycles:u:
\t    1000 inner (inlined)
\t    1000 outer+0x10 (/usr/lib/a b.so)
\t    2000 operator()(int)+0x1 (/memfd:x (deleted))
  a.cc:12
\tffffffff81000000 [unknown] ([kernel.kallsyms])

VM Thread  12/13 [003] 101.75: 4001 cycles:u:
\t    1000 inner (inlined)
\t    1000 outer+0x10 (/usr/lib/a b.so)

a 1 7 102.0: sched:sched_switch: prev=a ==> next=b
\tffffffff81000000 schedule+0x5 ([kernel.kallsyms])
a 1 7 103.0: page-faults:  55d0 main+0x1 (/bin/a)
`;
  const batch = decode(addPerfScript, text);
  const events = profilesOf(batch).map((profile) => ({
    event: profile.attributes.find(({ key }) => key === "perf.event.name")?.value.value,
    period: profile.period,
    stacks: Object.fromEntries(foldedOf(batch, profile, "thread.name")),
  }));
  assert.deepEqual(events, [
    {
      event: "cycles",
      period: 4001n,
      stacks: { "VM Thread;[[kernel.kallsyms]];operator()(int);outer;inner": 1n, "VM Thread;outer;inner": 1n },
    },
    { event: "sched:sched_switch", period: 0n, stacks: { "a 1;schedule": 1n } },
    { event: "page-faults", period: 0n, stacks: { "a 1;main": 1n } },
  ]);
  const { dictionary } = batch;
  const ids = [...profilesOf(batch)[0].columns().attrSets[0]].map((index) => dictionary.attribute(index));
  assert.deepEqual(
    ids.map(({ key, value }) => [key, value.value]),
    [
      ["thread.name", "VM Thread"],
      ["thread.id", 13n],
      ["process.pid", 12n],
      ["cpu.logical_number", 3n],
    ],
  );
});

test("perf script: a recording without call graphs, and what perf tells between events", () => {
  const text = `         swapper     0 [000]     0.000000: PERF_RECORD_MMAP -1/0: [0xffffffff81000000(0x9988) @ 0]: x [kernel.kallsyms]_text
            node    85 [000]    31.991568:   10101010 cpu-clock:pppH:      2598b96d60da [unknown] (/memfd:jit)
              dd    86 [001]    31.991648:   10101010 cpu-clock:pppH:      7fbcc1e4832e main+0x66e (/usr/bin/dd)
         swapper     0 [000]     0.000000: PERF_RECORD_COMM: kthreadd:2/2
              dd    86 [001]    32.001648:   10101010 cpu-clock:pppH:      7fbcc1e4832e main+0x66e (/usr/bin/dd)
`;
  const batch = decode(addPerfScript, text);
  const profiles = profilesOf(batch);
  assert.equal(profiles.length, 1);
  assert.deepEqual(Object.fromEntries(foldedOf(batch, profiles[0], "thread.name")), {
    "node;[memfd:jit]": 1n,
    "dd;main": 2n,
  });
});

test("perf script: what isn't is refused by line, in bounded time", () => {
  refused(addPerfScript, "", /^perf script: no events$/);
  refused(addPerfScript, "hello\n", /line 1 is no event: "hello"/);
  refused(addPerfScript, "a 1 1.0: cycles:\n\tzzz\n", /line 2 is no stack frame: "zzz"/);
  refused(addPerfScript, `${"a (".repeat(20_000)}\n`, /line 1 is no event/);
  refused(addPerfScript, `a 1 1.0: cycles:\n\t1000 ${"a (".repeat(40_000)}\n`, /line 2 is longer than/);
  const slow = `a 1 1.0: cycles:\n${`\t1000 ${"a (".repeat(20_000)}\n`.repeat(20)}`;
  const began = cpuMs();
  decode(addPerfScript, slow);
  assert.ok(cpuMs() - began < 2000);
});

test("a recorded V8 CPU profile keeps its samples and times", () => {
  const bytes = readFileSync(`${wire}/node-cpuprofile/work.cpuprofile`);
  const batch = decode(addCpuProfile, bytes);
  assert.deepEqual(totalsOf(profilesOf(batch)), { "samples/count": 1702n, "wall/nanoseconds": 3_042_166_000n });
  const [counts] = profilesOf(batch);
  assert.equal(counts.durationNano, 3_042_512_000n);
  const { nodes, samples } = JSON.parse(bytes.toString());
  const parents = new Map<number, number>();
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node.id);
  const names = new Map(
    nodes.map((node: { id: number; callFrame: { functionName: string } }) => [node.id, node.callFrame.functionName]),
  );
  const wanted: Record<string, bigint> = {};
  for (const sample of samples) {
    const frames: string[] = [];
    for (let id = sample; id !== undefined && names.get(id) !== "(root)"; id = parents.get(id)) {
      frames.unshift((names.get(id) as string) || "(anonymous)");
    }
    wanted[frames.join(";")] = (wanted[frames.join(";")] ?? 0n) + 1n;
  }
  assert.deepEqual(folded(batch), wanted);
});

const call = (name: string, line = 0) => ({ functionName: name, url: "app.js", lineNumber: line, columnNumber: 4 });

test("cpuprofile: parents instead of children, hit counts instead of samples, lines from 1", () => {
  const nodes = [
    { id: 1, callFrame: { functionName: "(root)", url: "" } },
    { id: 2, parent: 1, callFrame: call("outer", 9), hitCount: 1 },
    { id: 3, parent: 2, callFrame: call(""), hitCount: 4 },
  ];
  const batch = decode(addCpuProfile, JSON.stringify({ nodes }));
  assert.deepEqual(folded(batch), { outer: 1n, "outer;(anonymous)": 4n });
  assert.deepEqual(totalsOf(profilesOf(batch)), { "samples/count": 5n });
  const { dictionary } = batch;
  const line = dictionary.location(dictionary.stack(profilesOf(batch)[0].columns().stack[0])[0]).lines[0];
  assert.deepEqual([line.line, line.column, dictionary.function(line.functionIndex).startLine], [10n, 5n, 10n]);
});

test("cpuprofile: broken trees and lists are refused by place", () => {
  const at = (document: object, reason: RegExp) => refused(addCpuProfile, JSON.stringify(document), reason);
  const root = { id: 1, callFrame: call("a") };
  refused(addCpuProfile, "", /^cpuprofile: not JSON$/);
  refused(addCpuProfile, "<html>", /not JSON \(it looks like HTML/);
  at([], /the document is not an object/);
  at({}, /nodes is not a list/);
  at({ nodes: [{ id: 1 }] }, /nodes\[0\]\.callFrame is not an object/);
  at({ nodes: [root, root] }, /nodes\[1\]\.id is 1, as another node's/);
  at({ nodes: [{ ...root, children: [2] }] }, /nodes\[0\]\.children\[0\] is node 2, which is unknown/);
  at({ nodes: [{ ...root, children: [1] }] }, /is the node itself/);
  at({ nodes: [root], samples: [7], timeDeltas: [1] }, /samples\[0\] is node 7, which is unknown/);
  at({ nodes: [root], samples: [1], timeDeltas: [1, 2] }, /timeDeltas has 2 entries for 1 samples/);
  at({ nodes: [root], samples: [1], timeDeltas: ["1"] }, /timeDeltas\[0\] is not a whole number/);
  at({ nodes: [root], samples: [1], timeDeltas: [1e300] }, /timeDeltas\[0\] is not a whole number/);
  const ring = [
    { ...root, children: [2] },
    { id: 2, callFrame: call("b"), children: [1] },
  ];
  at({ nodes: ring, samples: [1], timeDeltas: [1] }, /more than 16000000 frames/);
  const chain = Array.from({ length: 7000 }, (_, i) => ({
    id: i,
    callFrame: call("f"),
    parent: i > 0 ? i - 1 : undefined,
  }));
  assert.throws(
    () => decode(addCpuProfile, JSON.stringify({ nodes: chain, samples: chain.map(({ id }) => id) })),
    TooLargeError,
  );
});

const schema = "https://www.speedscope.app/file-format-schema.json";
const shared = { frames: [{ name: "main", file: "m.go", line: 3 }, { name: "a" }, { name: "b" }] };
const speedscope = (...profiles: object[]) => JSON.stringify({ $schema: schema, shared, profiles });

test("speedscope: sampled and evented profiles, in their units", () => {
  const sampled = {
    type: "sampled",
    name: "t1",
    unit: "milliseconds",
    startValue: 0,
    endValue: 4,
    samples: [[0, 1], [0, 1], [0]],
    weights: [1.5, 1, 0.25],
  };
  const event = (type: string, frame: number, at: number) => ({ type, frame, at });
  const events = [
    event("O", 0, 0),
    event("O", 1, 10),
    event("C", 1, 15),
    event("O", 2, 15),
    event("C", 2, 17),
    event("C", 0, 20),
  ];
  const evented = { type: "evented", name: "t2", unit: "bytes", startValue: 0, endValue: 20, events };
  const batch = decode(addSpeedscope, speedscope(sampled, evented));
  assert.deepEqual(totalsOf(profilesOf(batch)), { "wall/nanoseconds": 2_750_000n, "space/bytes": 20n });
  const [first, second] = profilesOf(batch);
  assert.deepEqual(Object.fromEntries(foldedOf(batch, first)), { "main;a": 2_500_000n, main: 250_000n });
  assert.deepEqual(Object.fromEntries(foldedOf(batch, second)), { main: 13n, "main;a": 5n, "main;b": 2n });
  assert.equal(first.durationNano, 4_000_000n);
  assert.deepEqual(
    first.attributes.map(({ key, value }) => [key, value.value]),
    [["speedscope.profile.name", "t1"]],
  );
});

test("speedscope: what doesn't add up is refused by place", () => {
  const at = (profile: object, reason: RegExp) =>
    refused(addSpeedscope, speedscope({ unit: "none", ...profile }), reason);
  refused(addSpeedscope, "{}", /\$schema is not/);
  refused(addSpeedscope, JSON.stringify({ $schema: schema, shared: {}, profiles: [] }), /shared\.frames is not a list/);
  at({ type: "other" }, /profiles\[0\]\.type is neither/);
  at({ type: "sampled", unit: "hours" }, /profiles\[0\]\.unit is "hours"/);
  at({ type: "sampled", unit: undefined }, /profiles\[0\]\.unit is missing/);
  at({ type: "sampled", samples: [[0]], weights: [] }, /weights has 0 entries for 1 samples/);
  at({ type: "sampled", samples: [[3]], weights: [1] }, /samples\[0\]\[0\] is frame 3 of 3/);
  at({ type: "sampled", samples: [[-1]], weights: [1] }, /is frame -1 of 3/);
  at({ type: "sampled", samples: [[0]], weights: [-1] }, /weights\[0\] is negative/);
  at({ type: "evented", events: [{ type: "C", frame: 0, at: 0 }] }, /closes a frame that isn't/);
  at({ type: "evented", events: [{ type: "O", frame: 0, at: 0 }] }, /leaves 1 frames open/);
  const back = [
    { type: "O", frame: 0, at: 5 },
    { type: "C", frame: 0, at: 4 },
  ];
  at({ type: "evented", events: back }, /events\[1\]\.at goes back/);
});

test("prefixes and mutations of every recording are refused with a reason, or give something sound", () => {
  const random = createRandom(11);
  const perf = gunzipSync(readFileSync(`${wire}/perf/perf-script.txt.gz`)).subarray(0, 6000);
  const inputs: [Add, Buffer][] = [
    [addPerfScript, perf],
    [addCollapsed, readFileSync(`${wire}/perf/perf.folded`).subarray(0, 8000)],
    [addCollapsed, readFileSync(`${wire}/async-profiler/profile.collapsed`)],
    [addCpuProfile, readFileSync(`${wire}/node-cpuprofile/work.cpuprofile`)],
    [addSpeedscope, Buffer.from(speedscope({ type: "sampled", samples: [[0, 1]], weights: [1] }))],
  ];
  let refusals = 0;
  const attempt = (add: Add, bytes: Buffer) => {
    try {
      decode(add, bytes);
    } catch (error) {
      assert.ok(
        error instanceof InvalidProfilesError,
        `${bytes.toString("latin1").slice(0, 500)} ${(error as Error).stack}`,
      );
      refusals++;
    }
  };
  for (const [add, bytes] of inputs) {
    for (let length = 0; length < bytes.length; length += 1 + (bytes.length >> 6))
      attempt(add, bytes.subarray(0, length));
    for (let i = 0; i < 150; i++) attempt(add, mutate(bytes, random));
  }
  assert.ok(refusals > 300, `${refusals} refused`);
});

test("text of a few bytes a frame is refused by the number of its frames", () => {
  const names = Array.from({ length: 1_000_001 }, (_, i) => i.toString(36));
  const tooLarge = (message: RegExp, add: Add, text: string) =>
    assert.throws(
      () => decode(add, text),
      (error) => error instanceof TooLargeError && message.test(error.message),
    );
  tooLarge(/^collapsed stacks: more than 1000000 different frames$/, addCollapsed, `${names.join(";")} 1`);
  tooLarge(/^collapsed stacks: more than 16000000 frames/, addCollapsed, `${"a;".repeat(16_000_001)} 1`);
  const frames = `[{}${",{}".repeat(4_000_000)}]`;
  tooLarge(/^speedscope: too many objects, lists and keys in JSON$/, addSpeedscope, `{"shared":{"frames":${frames}}}`);
});
