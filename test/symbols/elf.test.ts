import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { openBinary } from "../../src/symbols/binary.js";
import { buildIdsOf, debugLinkOf } from "../../src/symbols/build-id.js";
import { bufferSource } from "../../src/symbols/byte-source.js";
import { parseElf } from "../../src/symbols/elf.js";
import { InvalidBinaryError } from "../../src/symbols/invalid-binary.js";
import { framesAt } from "../support/frames-at.js";
import { tinyElf } from "../support/tiny-elf.js";

const options = { maxTableBytes: 1024 * 1024, demangle: (name: string) => name };
const parse = (bytes: Buffer) => parseElf(bufferSource(bytes));
const symbol = { name: "work", address: 0x2000, size: 0x100 };

describe("the fixture of the pipeline case", () => {
  it("is what the writer of ELF files writes", () => {
    const written = tinyElf({
      type: 2,
      gnuBuildId: "ebeaf2df364d5eeb7096f0f7722a69eec6efdf3b",
      text: { address: 0xb72000, size: 64 },
      symbols: [{ name: "_ZN7fixture9somewhereEv", address: 0xb72000, size: 0x1a8c000 }],
    });
    assert.ok(written.equals(readFileSync("test/fixtures/symbols/uploads/node.debug")));
  });
});

describe("an ELF file", () => {
  it("says where its segments are, and by which ids it is known", () => {
    const file = tinyElf({ gnuBuildId: "0123456789abcdef", goBuildId: "abc/def" });
    const elf = parse(file);
    assert.deepEqual(elf.segments, [
      { flags: 5, offset: 0x1000, address: 0x2000, fileSize: 0x1000, memorySize: 0x1000 },
    ]);
    const { gnu, go, htlhash } = buildIdsOf(elf);
    assert.deepEqual([gnu, go], ["0123456789abcdef", "abc/def"]);
    assert.match(htlhash, /^[0-9a-f]{32}$/);
  });

  it("names its debug file if that is a plain name", () => {
    const linkOf = (name: string) => debugLinkOf(parse(tinyElf({ debugLink: { name, checksum: 0xdeadbeef } })));
    assert.deepEqual(linkOf("a.debug"), { name: "a.debug", checksum: 0xdeadbeef });
    for (const name of ["../a.debug", "/etc/passwd", "..", ""]) assert.equal(linkOf(name).name, "", name);
    assert.deepEqual(debugLinkOf(parse(tinyElf({}))), { name: "", checksum: 0 });
  });

  for (const [what, broken] of [
    ["no ELF file", Buffer.from("#!/bin/sh\n".repeat(20))],
    ["an empty file", Buffer.alloc(0)],
    ["half a header", tinyElf({}).subarray(0, 40)],
    ["a big-endian file", edited((file) => void file.writeUInt8(2, 5))],
    ["a word size that doesn't exist", edited((file) => void file.writeUInt8(3, 4))],
    ["program headers past the end", edited((file) => void file.writeBigUInt64LE(1n << 40n, 32))],
    ["section headers past the end", edited((file) => void file.writeBigUInt64LE(1n << 62n, 40))],
    ["program headers of one byte", edited((file) => void file.writeUInt16LE(1, 54))],
    ["65,535 program headers", edited((file) => void file.writeUInt16LE(0xffff, 56))],
  ] as const) {
    it(`is refused: ${what}`, () => {
      assert.throws(() => openBinary(bufferSource(broken), options), InvalidBinaryError);
    });
  }

  it("is read without a table that says it is larger than the file, or than may be read", () => {
    const whole = tinyElf({ symbols: [symbol], dynamicSymbols: [{ ...symbol, name: "exported" }] });
    const elf = parse(whole);
    const table = elf.sections.findIndex(({ name }) => name === ".symtab");
    const at = Number(whole.readBigUInt64LE(40)) + 64 * table + 32;
    for (const size of [whole.length + 1, 2 ** 40, 2 ** 52]) {
      const broken = Buffer.from(whole);
      broken.writeBigUInt64LE(BigInt(size), at);
      assert.throws(() => openBinary(bufferSource(broken), options), InvalidBinaryError);
    }
    assert.throws(() => openBinary(bufferSource(whole), { ...options, maxTableBytes: 40 }), /larger than may be read/);
  });

  it("has names of its own debug file before those that stripping left", () => {
    const stripped = tinyElf({ dynamicSymbols: [{ name: "exported", address: 0x2000, size: 0x10 }] });
    const debug = tinyElf({ symbols: [symbol] });
    const nameAt = (address: number, withDebug: boolean) =>
      framesAt(openBinary(bufferSource(stripped), options, withDebug ? bufferSource(debug) : undefined), address)?.[0]
        .name;
    assert.equal(nameAt(0x2008, false), "exported");
    assert.equal(nameAt(0x2050, false), undefined);
    assert.equal(nameAt(0x2050, true), "work");
  });

  it("is stripped if it has neither symbols nor a debug file with them", () => {
    const isStripped = (bytes: Buffer, debug?: Buffer) =>
      openBinary(bufferSource(bytes), options, debug && bufferSource(debug)).isStripped;
    assert.equal(isStripped(tinyElf({ dynamicSymbols: [symbol] })), true);
    assert.equal(isStripped(tinyElf({ symbols: [symbol] })), false);
    assert.equal(isStripped(tinyElf({}), tinyElf({ symbols: [symbol] })), false);
  });
});

function edited(edit: (file: Buffer) => void): Buffer {
  const file = tinyElf({ symbols: [symbol] });
  edit(file);
  return file;
}
