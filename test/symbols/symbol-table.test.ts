import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bufferSource } from "../../src/symbols/byte-source.js";
import { parseElf } from "../../src/symbols/elf.js";
import { readSymbolTable } from "../../src/symbols/symbol-table.js";
import { type TinyElf, type TinySymbol, tinyElf } from "../support/tiny-elf.js";

function namesAt(elf: TinyElf, ...addresses: number[]): (string | undefined)[] {
  const table = readSymbolTable(parseElf(bufferSource(tinyElf(elf))), 1024 * 1024);
  return addresses.map((address) => table?.nameAt(address));
}

const named = (name: string, address: number, size = 0, rest: Partial<TinySymbol> = {}): TinySymbol => {
  return { name, address, size, ...rest };
};

describe("a symbol table", () => {
  it("names an address from the function that covers it, and none between two", () => {
    const symbols = [named("second", 0x2100, 0x20), named("first", 0x2000, 0x10)];
    assert.deepEqual(namesAt({ symbols }, 0x1fff, 0x2000, 0x200f, 0x2010, 0x2100, 0x211f, 0x2120), [
      undefined,
      "first",
      "first",
      undefined,
      "second",
      "second",
      undefined,
    ]);
  });

  it("takes the innermost of functions that lie in one another", () => {
    const symbols = [named("outer", 0x2000, 0x100), named("inner", 0x2040, 0x10)];
    assert.deepEqual(namesAt({ symbols }, 0x203f, 0x2040, 0x2050), ["outer", "inner", "outer"]);
  });

  it("lets a label without a size reach to the next symbol, and never past its section", () => {
    const symbols = [named("start", 0x2000), named("loop", 0x2010, 0, { type: 0 }), named("sized", 0x2020, 4)];
    assert.deepEqual(namesAt({ symbols, text: { address: 0x2000, size: 0x40 } }, 0x200f, 0x2010, 0x201f, 0x2024), [
      "start",
      "loop",
      "loop",
      undefined,
    ]);
    const last = [named("_init", 0x2030)];
    const elf = { symbols: last, text: { address: 0x2000, size: 0x40 } };
    assert.deepEqual(namesAt(elf, 0x203f, 0x2040, 0x9000), ["_init", undefined, undefined]);
  });

  it("prefers, of names for one address, what a person would", () => {
    const symbols = [named("__internal_write", 0x2000, 8), named("write", 0x2000, 8), named("$x", 0x2000)];
    assert.deepEqual(namesAt({ symbols }, 0x2004), ["write"]);
  });

  it("leaves data and what is not of this file alone", () => {
    const symbols = [named("table", 0x2000, 0x100, { type: 1 }), named("imported", 0, 0, { section: "nowhere" })];
    assert.deepEqual(namesAt({ symbols }, 0x2004, 0), [undefined, undefined]);
  });

  it("is .dynsym where there is no .symtab", () => {
    const dynamicSymbols = [named("exported", 0x2000, 8)];
    assert.deepEqual(namesAt({ dynamicSymbols }, 0x2004), ["exported"]);
    assert.deepEqual(namesAt({ dynamicSymbols, symbols: [named("all", 0x2000, 8)] }, 0x2004), ["all"]);
    assert.deepEqual(namesAt({}, 0x2004), [undefined]);
  });

  it("cuts a name at 8 KiB", () => {
    const symbols = [named("x".repeat(20_000), 0x2000, 8)];
    assert.equal(namesAt({ symbols }, 0x2004)[0]?.length, 8192);
  });
});
