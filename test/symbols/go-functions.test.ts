import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openBinary } from "../../src/symbols/binary.js";
import { bufferSource } from "../../src/symbols/byte-source.js";
import { type TinyGoFunction, tinyGo } from "../support/tiny-go.js";

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

const open = (file: Buffer) => openBinary(bufferSource(file), { maxTableBytes: 1 << 20, demangle: (name) => name });
const text = 0x401000;

const frame = (name: string, file: string, line: number, startLine: number) => {
  return { name, systemName: "", file, line, startLine };
};

describe("Go's line table", () => {
  const program = open(tinyGo(functions));

  it("names functions with file and line, and nothing outside of them", () => {
    assert.equal(program.functionCount, 2);
    assert.deepEqual(program.framesAt(text), [frame("main.main", "/src/main.go", 10, 10)]);
    assert.deepEqual(program.framesAt(text + 0x3f), [frame("main.main", "/src/main.go", 12, 10)]);
    assert.deepEqual(program.framesAt(text + 0x5f), [
      { ...frame("main.largest[...]", "/src/list.go", 31, 30), systemName: "main.largest[go.shape.int]" },
    ]);
    assert.equal(program.framesAt(text + 0x60), undefined);
    assert.equal(program.framesAt(text - 1), undefined);
  });

  it("unfolds inlined calls, the innermost first, each with the line of its own", () => {
    assert.deepEqual(program.framesAt(text + 0x2a), [
      frame("main.inner", "/src/main.go", 4, 3),
      frame("main.outer", "/src/main.go", 7, 6),
      frame("main.main", "/src/main.go", 12, 10),
    ]);
    assert.deepEqual(program.framesAt(text + 0x24), [
      frame("main.outer", "/src/main.go", 7, 6),
      frame("main.main", "/src/main.go", 12, 10),
    ]);
  });

  it("is found without section headers", () => {
    const bare = open(tinyGo(functions, { withoutSections: true }));
    assert.deepEqual(bare.framesAt(text + 0x2a), program.framesAt(text + 0x2a));
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
    assert.equal(mixed.framesAt(text)?.[0].name, "main.main");
    assert.equal(mixed.framesAt(text + 0x64)?.[0].name, "c_function");
  });

  it("ends where an inline tree loops", () => {
    const [first] = functions;
    const inlined = [
      { name: "a", from: 0, to: 8, parentPc: 8, startLine: 1 },
      { name: "b", from: 8, to: 16, parentPc: 0, startLine: 1 },
    ];
    const frames = open(tinyGo([{ ...first, inlined }])).framesAt(text);
    assert.equal(frames?.length, 129);
    assert.equal(frames?.at(-1)?.name, "main.main");
  });
});
