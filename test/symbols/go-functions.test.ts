import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openBinary } from "../../src/symbols/binary.js";
import { bufferSource } from "../../src/symbols/byte-source.js";
import { type Frame, framesAt, framesOf } from "../support/frames-at.js";
import { createRandom, type Random } from "../support/random.js";
import {
  type TinyGoFunction,
  type TinyGoRelease,
  type TinyInlinedCall,
  tinyGo,
  tinyGoReleases,
} from "../support/tiny-go.js";

const functions: TinyGoFunction[] = [
  {
    name: "main.main",
    size: 0x40,
    file: "/src/main.go",
    startLine: 10,
    lines: [
      [0, 10],
      [0x10, 12],
      [0x20, 7],
      [0x28, 4],
      [0x30, 12],
    ],
    inlined: [
      { name: "main.outer", from: 0x20, to: 0x30, parentPc: 0x10, startLine: 6 },
      { name: "main.inner", from: 0x28, to: 0x30, parentPc: 0x20, startLine: 3 },
    ],
  },
  { name: "main.largest[go.shape.int]", size: 0x20, file: "/src/list.go", startLine: 30, lines: [[0, 31]] },
];

const options = { maxTableBytes: 1 << 20, demangle: (name: string) => name };
const open = (file: Buffer) => openBinary(bufferSource(file), options);
const text = 0x401000;

const frame = (name: string, file: string, line: number, startLine: number) => {
  return { name, systemName: "", file, line, startLine };
};

describe("Go's line table", () => {
  const program = open(tinyGo(functions));

  it("names functions with file and line, and nothing outside of them", () => {
    assert.equal(program.functionCount, 2);
    assert.deepEqual(framesAt(program, text), [frame("main.main", "/src/main.go", 10, 10)]);
    assert.deepEqual(framesAt(program, text + 0x3f), [frame("main.main", "/src/main.go", 12, 10)]);
    assert.deepEqual(framesAt(program, text + 0x5f), [
      { ...frame("main.largest[...]", "/src/list.go", 31, 30), systemName: "main.largest[go.shape.int]" },
    ]);
    assert.equal(framesAt(program, text + 0x60), undefined);
    assert.equal(framesAt(program, text - 1), undefined);
  });

  it("unfolds inlined calls, the innermost first, each with the line of its own", () => {
    assert.deepEqual(framesAt(program, text + 0x2a), [
      frame("main.inner", "/src/main.go", 4, 3),
      frame("main.outer", "/src/main.go", 7, 6),
      frame("main.main", "/src/main.go", 12, 10),
    ]);
    assert.deepEqual(framesAt(program, text + 0x24), [
      frame("main.outer", "/src/main.go", 7, 6),
      frame("main.main", "/src/main.go", 12, 10),
    ]);
  });

  it("has its inlined calls in it from Go 1.27 on", () => {
    const recent = open(tinyGo(functions, {}, "1.27"));
    for (const pc of [0, 0x24, 0x2a, 0x3f]) assert.deepEqual(framesAt(recent, text + pc), framesAt(program, text + pc));
  });

  it("answers for many addresses in whatever order they are asked for", () => {
    const offsets = [0x5f, -1, 0x2a, 0x2a, 0, 0x60, 0x24, 0x3f];
    assert.deepEqual(
      framesOf(program.framesAt(offsets.map((each) => text + each))),
      offsets.map((each) => framesAt(program, text + each) ?? null),
    );
  });

  it("has names in any script", () => {
    const [, second] = functions;
    const open = (name: string) => openBinary(bufferSource(tinyGo([{ ...second, name }])), options);
    assert.equal(framesAt(open("main.größer"), text)?.[0].name, "main.größer");
    assert.deepEqual(
      framesAt(open("main.größer[go.shape.int]"), text)?.map(({ name, systemName }) => [name, systemName]),
      [["main.größer[...]", "main.größer[go.shape.int]"]],
    );
  });

  it("is found without section headers", () => {
    const bare = open(tinyGo(functions, { withoutSections: true }));
    assert.deepEqual(framesAt(bare, text + 0x2a), framesAt(program, text + 0x2a));
  });

  it("goes before the symbol table, which has the names of what is not Go", () => {
    const mixed = open(
      tinyGo(functions, {
        symbols: [
          { name: "main.main.abi0", address: text, size: 0x40 },
          { name: "c_function", address: text + 0x60, size: 0x10 },
        ],
      }),
    );
    assert.equal(framesAt(mixed, text)?.[0].name, "main.main");
    assert.equal(framesAt(mixed, text + 0x64)?.[0].name, "c_function");
  });

  it("ends where an inline tree loops", () => {
    const [first] = functions;
    const inlined = [
      { name: "a", from: 0, to: 8, parentPc: 8, startLine: 1 },
      { name: "b", from: 8, to: 16, parentPc: 0, startLine: 1 },
    ];
    const frames = framesAt(open(tinyGo([{ ...first, inlined }])), text);
    assert.equal(frames?.length, 129);
    assert.equal(frames?.at(-1)?.name, "main.main");
  });
});

/** What the description of a function says of an offset in it. */
function expected({ name, file, startLine, lines, inlined = [] }: TinyGoFunction, pc: number, release: TinyGoRelease) {
  const knowsStart = release === "1.20" || release === "1.27";
  const calls = release === "1.2" ? [] : inlined;
  const lineAt = (at: number) => lines.findLast(([from]) => from <= at)?.[1] ?? 0;
  const frames: Frame[] = [];
  const add = (inTable: string, start: number, at: number) => {
    const plain = inTable.replace(/\[.*\]/, "[...]");
    frames.push({
      ...frame(plain, file, lineAt(at), knowsStart ? start : 0),
      systemName: plain === inTable ? "" : inTable,
    });
  };
  let at = pc;
  let call = calls.findLast(({ from, to }) => at >= from && at < to);
  while (call && frames.length < 128) {
    add(call.name, call.startLine, at);
    if (call.parentPc === at) break;
    at = call.parentPc;
    call = calls.findLast(({ from, to }) => at >= from && at < to);
  }
  add(name, startLine, at);
  return frames;
}

function randomFunction(random: Random, number: number): TinyGoFunction {
  const size = random.pick([1, 16, 255, 256, 257, 600, 3000]);
  const pcs = Array.from({ length: 1 + random.int(size / 4) }, () => random.int(size)).sort((a, b) => a - b);
  let line = 0;
  // A step that changes nothing would be the end.
  const lines = [0, ...pcs].map((pc): [number, number] => {
    line = (line + 1 + random.int(random.pick([4, 200, 70_000]))) % 100_000;
    return [pc, line];
  });
  const inlined = Array.from({ length: random.pick([0, 0, 1, 6]) }, (_, i): TinyInlinedCall => {
    const from = random.int(size);
    const to = from + random.int(size - from);
    const name = random.pick([`inline${i}`, "m.Map[go.shape.int,go.shape.[]uint8].Get", "größer"]);
    return { name, from, to, parentPc: random.int(size), startLine: random.int(50) };
  });
  const name = random.pick([
    `main.f${number}`,
    `main.g${number}[go.shape.string]`,
    `main.${"long".repeat(30)}${number}`,
  ]);
  return { name, size, file: `/src/${number % 5}.go`, startLine: number, lines, inlined };
}

describe("Go's line table of any release", () => {
  for (const release of tinyGoReleases) {
    it(`says of every address what the program has there: ${release}`, () => {
      const random = createRandom(7);
      const program = Array.from({ length: 60 }, (_, i) => randomFunction(random, i));
      const binary = open(tinyGo(program, {}, release));
      let start = text;
      const asked = program.flatMap((each) => {
        start += each.size;
        return Array.from({ length: each.size }, (_, pc) => ({
          each,
          pc,
          address: start - each.size + pc,
          order: random.int(2 ** 30),
        }));
      });
      asked.sort((a, b) => a.order - b.order);
      for (let at = 0; at < asked.length; at += 4096) {
        const some = asked.slice(at, at + 4096);
        const frames = framesOf(binary.framesAt(some.map(({ address }) => address)));
        for (const [i, { each, pc }] of some.entries()) assert.deepEqual(frames[i], expected(each, pc, release));
      }
      assert.ok(asked.length > 10_000, String(asked.length));
    });
  }

  it("counts in instructions where these have a size", () => {
    const [first] = functions;
    const file = tinyGo([{ ...first, inlined: [] }]);
    const header = file.indexOf(Buffer.from([0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8]));
    file[header + 6] = 4;
    const binary = open(file);
    const lines = [0, 0x3f].map((pc) => framesAt(binary, text + pc)?.[0].line);
    assert.deepEqual(lines, [10, 10]);
    assert.deepEqual(framesAt(open(tinyGo([{ ...first, inlined: [] }])), text + 0x3f)?.[0].line, 12);
  });
});
