import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { BpftraceMapParser } from "../../../receivers/ebpf/bpftrace-map.js";
import { escaped, readPlainMap, unescaped } from "../../../receivers/ebpf/bpftrace-text.js";
import type { FrameText } from "../../../receivers/ebpf/frame-text.js";
import { ParsedTexts } from "../../../receivers/ebpf/parsed-texts.js";
import type { ProcessLocations } from "../../../receivers/ebpf/process-locations.js";
import { plainAttributes } from "../../support/plain-profiles.js";
import { profilesOf } from "../../support/pprof-cases.js";
import { faultsOf, noFaults, read } from "./read-stream.js";
import { sumOf } from "./rig.js";

const bpftrace = (name: string) => readFileSync(`test/fixtures/wire/bpftrace/${name}.jsonl`);
const perfText = () => gunzipSync(readFileSync("test/fixtures/wire/perf/perf-script.txt.gz"));

/** A bpftrace event with one map. */
const map = (entries: Record<string, unknown>) => `${JSON.stringify({ type: "map", data: { "@": entries } })}\n`;

describe("recorded streams", () => {
  // Stacks that differ in the kernel may print alike: a map then has a key several times, and all of them count.
  for (const [name, total] of [
    ["count", 11_703n],
    ["count-perf", 961n],
    ["count-raw", 1287n],
  ] as const) {
    it(`bpftrace's ${name}.jsonl arrives with all ${total} samples`, async () => {
      const result = await read({ listen: { format: "bpftrace_json" } }, bpftrace(name));
      assert.equal(sumOf(result.batches), total);
      assert.deepEqual(await faultsOf(result), noFaults);
      assert.equal(await result.metric("flamepipe_ebpf_samples_total", "taken"), Number(total));
    });
  }

  it("the text of perf script arrives with all 1198 samples, a resource for each process", async () => {
    const result = await read({ listen: { format: "perf_script" } }, perfText());
    assert.equal(sumOf(result.batches), 1198n);
    assert.deepEqual(await faultsOf(result), noFaults);
    const pids = result.batches[0].resources.map(({ attributes }) => plainAttributes(attributes)["process.pid"]);
    assert.equal(new Set(pids).size, pids.length);
    for (const profile of profilesOf(result.batches[0])) {
      assert.deepEqual(plainAttributes(profile.attributes), { "perf.event.name": "cpu-clock" });
      assert.deepEqual(
        [profile.sampleType, profile.periodType, profile.period],
        [{ type: "samples", unit: "count" }, { type: "cpu", unit: "nanoseconds" }, 10_101_010n],
      );
    }
  });

  it("folded stacks arrive with all 1198 samples, in as many stacks as perf's text has under their names", async () => {
    const folded = await read({ listen: { format: "folded" } }, readFileSync("test/fixtures/wire/perf/perf.folded"));
    assert.equal(sumOf(folded.batches), 1198n);
    assert.equal(folded.stacks.length, 140);
    const sumBy = (stacks: typeof folded.stacks, comm: string) =>
      stacks.filter(({ sample }) => sample["thread.name"] === comm).reduce((sum, { value }) => sum + value, 0n);
    const perf = await read({ listen: { format: "perf_script" } }, perfText());
    for (const comm of ["orders", "node"]) assert.equal(sumBy(folded.stacks, comm), sumBy(perf.stacks, comm));
  });

  it("are the same however they are cut into pieces", async () => {
    const bytes = bpftrace("count-perf");
    const pieces = Array.from({ length: Math.ceil(bytes.length / 1000) }, (_, i) =>
      bytes.subarray(i * 1000, i * 1000 + 1000),
    );
    const whole = await read({}, bytes);
    const cut = await read({}, ...pieces);
    assert.deepEqual(cut.stacks, whole.stacks);
  });
});

describe("a bpftrace key", () => {
  const key = async (text: string, map_key?: string[]) => {
    const result = await read({ listen: map_key ? { map_key } : {} }, map({ [text]: 3 }));
    const [found] = result.stacks.map(({ resource, sample, stack, value }) => ({
      ...resource,
      ...sample,
      stack,
      value,
    }));
    return { found: found as Record<string, unknown> | undefined, faults: await faultsOf(result) };
  };
  const noPid = { "process.executable.name": "work", "thread.name": "work" };
  const of = (comm: string) => ({ "process.pid": 7n, "process.executable.name": comm, "thread.name": comm, value: 3n });

  for (const [name, text, expected] of [
    [
      "both stacks",
      "7,work,\n\tffffffff81 sys_read+5\n,\n\t4011 0x4011 ([unknown])\n\t4021 0x4021 ([unknown])\n",
      ["sys_read_k", "0x4011", "0x4020"],
    ],
    ["no kernel stack", "7,work,,\n\t4011 0x4011 ([unknown])\n", ["0x4011"]],
    ["no user stack", "7,work,\n\tffffffff81 sys_read+5\n,", ["sys_read_k"]],
    ["no stack at all", "7,work,,", []],
    [
      "names, commas and parentheses in frames",
      "7,work,,\n\t4011 f(a, b)::{lambda(int, x)#1}+77 (/srv/a (b).so)\n",
      ["f(a, b)::{lambda(int, x)#1}"],
    ],
    [
      "frames in bpftrace's own mode",
      "7,work,\n    do_syscall_64+113\n,\n    0x4011\n    main.work+55\n    std::a b+5\n",
      ["do_syscall_64_k", "0x4011", "main.work", "std::a b"],
    ],
    ["an address without a name behind it", "7,work,,\n\t4011\n", ["0x4011"]],
    ["a function whose name is hex digits", "7,work,,\n    add+5\n    decade cafe+1\n", ["add", "decade cafe"]],
  ] as const) {
    it(`is read with ${name}`, async () => {
      assert.deepEqual(await key(text), { found: { ...of("work"), stack: expected }, faults: noFaults });
    });
  }

  for (const comm of ["a,b", "a,", ",", "a b", "1,2", ""]) {
    it(`is read with the thread's name ${JSON.stringify(comm)}`, async () => {
      const { found, faults } = await key(`7,${comm},,\n\t4011\n`);
      assert.deepEqual(faults, noFaults);
      assert.equal(found?.["thread.name"], comm === "" ? undefined : comm);
      assert.deepEqual(found?.stack, ["0x4011"]);
    });
  }

  it("is read in the order that map_key says", async () => {
    const { found } = await key("9,work,2,\n\t4011\n,\n\tffffffff81 sys_read+5\n", [
      "tid",
      "comm",
      "cpu",
      "ustack",
      "kstack",
    ]);
    const sample = { ...noPid, "thread.id": 9n, "cpu.logical_number": 2n };
    assert.deepEqual(found, { ...sample, stack: ["sys_read_k", "0x4011"], value: 3n });
  });

  for (const [name, text] of [
    ["of other parts", "7"],
    ["with a word for a number", "seven,work,,\n\t4011\n"],
    ["with a newline in the name", "7,wo\nrk,,\n\t4011\n"],
    ["with more stacks", "7,work,\n\t1\n,\n\t2\n,\n\t3\n"],
    ["that is empty", ""],
  ] as const) {
    it(`${name} is counted as a fault`, async () => {
      assert.deepEqual(await key(text), { found: undefined, faults: { ...noFaults, invalid: 1 } });
    });
  }
});

describe("a map of bpftrace", () => {
  const read = (line: string) => {
    const found: [string, number][] = [];
    const faults: string[] = [];
    const locations = {
      of: (_type: string, _isLeaf: boolean, key: string, parse: (key: string) => FrameText) =>
        Number(parse(key).address),
    };
    const parser = new BpftraceMapParser(["pid", "comm", "kstack", "ustack"], {
      process: (pid, comm) => {
        return {
          locations: locations as unknown as ProcessLocations,
          add: (stack, depth, _thread, count) => void found.push([`${pid} ${comm} ${stack.slice(0, depth)}`, count]),
        };
      },
      fault: (fault) => void faults.push(fault),
      lostEvents: () => {},
    });
    parser.line(Buffer.from(line));
    return { found, faults };
  };
  const stack = "\n    0x40\n    0x41\n";
  const whole = {
    found: [
      ["7 work 64,65", 3],
      ["8 a,\tb ", 1],
    ],
    faults: [],
  };
  const text = JSON.stringify({ type: "map", data: { "@a": { [`7,work,,${stack}`]: 3, "8,a,\tb,,": 1 } } });

  it("is the same whether it can be read where it stands or takes a JSON parser", () => {
    assert.equal(readPlainMap(text)?.keys.length, 2);
    assert.deepEqual(read(text), whole);
    for (const careful of [`${text} `, text.replace('"map"', '  "map"')]) {
      assert.equal(readPlainMap(careful), undefined);
      assert.deepEqual(read(careful), whole);
    }
  });

  it("is read with spaces as bpftrace writes them", () => {
    const spaced = `{"type": "map", "data": {"@a": {"7,work,,\\n    0x40\\n    0x41\\n": 3, "8,a,\\tb,,": 1}}}`;
    assert.equal(readPlainMap(spaced)?.keys.length, 2);
    assert.deepEqual(read(spaced), whole);
  });

  it("has the same text for what means the same", () => {
    for (const part of ["\t4011 f", "C\\d+5", "\\t4011", "\\\\t", "plain"])
      assert.equal(unescaped(escaped(part)), part);
    assert.equal(escaped("\t4011 f"), JSON.stringify("\t4011 f").slice(1, -1));
    assert.notEqual(escaped("\\t4011"), escaped("\t4011"));
  });

  it("counts a key as often as it comes", () => {
    const twice = text.replace(/\}\}\}$/, `,${JSON.stringify(`7,work,,${stack}`)}:4}}}`);
    assert.deepEqual(read(twice).found, [...whole.found, ["7 work 64,65", 4]]);
  });

  it("keeps keys that print alike whatever escapes the name of a process takes", () => {
    const names = ['say "hi"', "C:\\new\\t", "bell\u0007", "a\fb\rc\bd", "/", "\u{1f525}", "\\"];
    for (const name of names) {
      const key = JSON.stringify(`8,${name},,`);
      const line = text.replace(/"8.*?",?(?=:)/, key).replace(/\}\}\}$/, `,${key}:5}}}`);
      const wanted = [whole.found[0], [`8 ${name} `, 1], [`8 ${name} `, 5]];
      assert.equal(readPlainMap(line)?.keys.length, 3, name);
      assert.deepEqual(read(line), { found: wanted, faults: [] }, name);
      const inHex = line.replaceAll("hi", "\\u0068\\u0069");
      assert.deepEqual(read(inHex), { found: wanted, faults: [] }, name);
    }
  });

  it("is refused as a whole where it is no JSON, wherever it breaks off", () => {
    for (let length = 1; length < text.length; length++) {
      assert.deepEqual(read(text.slice(0, length)), { found: [], faults: ["invalid"] }, String(length));
    }
    for (const [from, to] of [
      [":3", ":03"],
      [":3", ":"],
      [":3,", ":3,,"],
      [":1}", ":1,}"],
      ["7,work", "7,wo\trk"],
      ["7,work", "7,w\\ork"],
      ["7,work", "7,w\\u006xrk"],
      ["7,work", '7,w"ork'],
    ]) {
      assert.deepEqual(read(text.replace(from, to)), { found: [], faults: ["invalid"] }, to);
    }
  });
});

describe("texts that come again and again", () => {
  it("are remembered, 32,768 of them and 4 MiB", () => {
    let parsed = 0;
    const texts = new ParsedTexts((text) => {
      parsed++;
      return { text };
    });
    const of = (i: number) => texts.of(`thread ${i}`);
    assert.equal(of(1), of(1));
    assert.deepEqual(of(255), { text: "thread 255" });
    for (let i = 0; i < 100_000; i++) {
      of(i);
      assert.ok(texts.size <= 32_768);
    }
    const before = parsed;
    of(99_999);
    assert.equal(parsed, before);
    const long = "x".repeat(1024 * 1024);
    for (let i = 0; i < 6; i++) texts.of(long.slice(i));
    assert.ok(texts.size < 6);
  });
});

describe("bad streams", () => {
  const good = map({ "7,work,,\n\t4011\n": 5 });

  it("garbage between good lines of bpftrace is counted, and logged once", async () => {
    const garbage = [
      "{",
      "nonsense",
      "[]",
      "null",
      '{"type":5}',
      '{"type":"map"}',
      '{"type":"map","data":{"@":null}}',
      "\xff\xfe",
    ];
    const result = await read(
      {},
      good,
      ...garbage.map((line) => `${line}\n`),
      map({ "7,work,,\n\t4011\n": -1 }),
      map({ "7,work,,\n\t4011\n": 1.5 }),
      good,
    );
    assert.equal(sumOf(result.batches), 10n);
    assert.deepEqual(await faultsOf(result), { ...noFaults, invalid: 10 });
    assert.equal(result.lines.filter((line) => line.includes("can't be used")).length, 1);
  });

  it("events that are no maps, and maps that are numbers, say nothing; lost events are counted", async () => {
    const others = readFileSync("test/fixtures/wire/bpftrace/hist.jsonl", "utf8")
      .split("\n")
      .filter((line) => !line.includes('"map"'));
    const lost = '{"type": "lost_events", "data": {"events": 12}}\n';
    const result = await read({}, others.join("\n"), "\n\n", '{"type":"map","data":{"@total":7}}\n', lost, good);
    assert.equal(sumOf(result.batches), 5n);
    assert.deepEqual(await faultsOf(result), noFaults);
    assert.equal(await result.metric("flamepipe_ebpf_samples_total", "lost"), 12);
  });

  it("a half line at the end is counted, not guessed", async () => {
    for (const [format, text] of [
      ["bpftrace_json", good.trimEnd().slice(0, -1)],
      ["folded", "work;main;leaf 12"],
      ["perf_script", "work 7 1.5: cycles:\n\t4011 leaf+0x1 (/bin/work)\n"],
    ] as const) {
      const result = await read({ listen: { format } }, text);
      assert.equal(result.batches.length, 0, format);
      assert.deepEqual(await faultsOf(result), { ...noFaults, incomplete: 1 }, format);
    }
  });

  it("a line past max_line_bytes is left out, whatever pieces it comes in", async () => {
    const long = `work;${"x".repeat(2000)} 1\n`;
    const listen = { format: "folded", max_line_bytes: 1024 };
    for (const pieces of [[long], Array.from(long)]) {
      const result = await read({ listen }, "work;a 1\n", ...pieces, "work;b 2\n");
      assert.equal(sumOf(result.batches), 3n);
      assert.deepEqual(await faultsOf(result), { ...noFaults, too_long: 1 });
    }
  });

  it("a folded line without a count, or with one that is no number, is left out", async () => {
    const lines = ["work;a", "work;a 1.5", "work;a -1", "12", " 12", "work;a 99999999999999999", "work;\xe9\xa0 1"];
    const result = await read(
      { listen: { format: "folded" } },
      Buffer.from(`${lines.join("\n")}\n# comment\n\nwork;a 4\n`, "latin1"),
    );
    assert.equal(sumOf(result.batches), 4n);
    assert.deepEqual(await faultsOf(result), { ...noFaults, invalid: lines.length });
  });
});

describe("folded processes", () => {
  it("have ids where they are written, and kernel frames where they are marked", async () => {
    const text = "node-7/9;main;read;vfs_read_[k] 2\nnode-7;main 1\ngo;main;-;do_syscall_64 4\nsh-?;main 1\n";
    const { stacks } = await read({ listen: { format: "folded" } }, text);
    const plain = stacks.map(({ resource, sample, stack, value }) => [
      resource["process.pid"],
      sample["thread.id"],
      sample["thread.name"],
      stack.join(" "),
      value,
    ]);
    assert.deepEqual(plain, [
      [7n, 9n, "node", "vfs_read_k read main", 2n],
      [7n, undefined, "node", "main", 1n],
      [undefined, undefined, "go", "do_syscall_64_k main", 4n],
      [undefined, undefined, "sh", "main", 1n],
    ]);
  });
});
