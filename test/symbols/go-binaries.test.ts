import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Binary, openBinary } from "../../src/symbols/binary.js";
import { openFileSource } from "../../src/symbols/byte-source.js";
import { reportOf } from "../../src/symbols/report.js";
import { type Frame, framesAt } from "../support/frames-at.js";

const maxBuffer = 1 << 28;
const skip = spawnSync("go", ["version"]).status === 0 ? false : "go is not installed";
/** Position-independent programs need a longer build. */
const modes = process.env.FLAMEPIPE_TEST_LONG ? ["exe", "pie"] : ["exe"];

interface GoSymbol {
  readonly name: string;
  readonly address: number;
  readonly size: number;
}

/** As go tool pprof has it: type arguments are dots, and what only the linker adds is not there. */
function printedName(symbol: string): string {
  const name = symbol.replace(/\.abi(0|internal)$/, "");
  const open = name.indexOf("[");
  return open < 0 ? name : `${name.slice(0, open)}[...]${name.slice(name.lastIndexOf("]") + 1)}`;
}

/** The linker writes a point for the middle dot of names that the compiler made. */
const plain = (name: string): string => name.replaceAll("·", ".");

describe("a real Go program", { skip, timeout: 240_000 }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "flamepipe-go-symbols-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function build(mode: string, ...flags: string[]): string {
    const path = join(folder, `${mode}${flags.length}`);
    execFileSync("go", ["build", `-buildmode=${mode}`, ...flags, "-o", path, "."], {
      cwd: resolve("test/fixtures/go-symbols"),
      env: { ...process.env, GOFLAGS: "-mod=mod", GOWORK: "off", CGO_ENABLED: "0" },
    });
    return path;
  }

  const open = (path: string): Binary =>
    openBinary(openFileSource(path), { maxTableBytes: 1 << 28, demangle: (name) => name });

  function symbolsOf(path: string): GoSymbol[] {
    const lines = execFileSync("go", ["tool", "nm", "-n", "-size", path], { encoding: "utf8", maxBuffer }).split("\n");
    return lines.flatMap((line) => {
      const [, address, size, name] = /^\s*([0-9a-f]+)\s+(\d+) [tT] (.*)$/.exec(line) ?? [];
      return Number(size) > 0 ? [{ name, address: Number.parseInt(address, 16), size: Number(size) }] : [];
    });
  }

  for (const mode of modes) {
    describe(`(${mode})`, () => {
      let whole: string;
      let stripped: string;
      let symbols: GoSymbol[];
      before(() => {
        whole = build(mode);
        stripped = build(mode, "-ldflags=-s -w");
        symbols = symbolsOf(whole);
      });

      it("has the same functions as go tool nm, stripped or not", () => {
        assert.ok(symbols.length > 1000, `${symbols.length} functions`);
        const byAddress = new Map<number, Set<string>>();
        for (const { address, name } of symbols) {
          const names = byAddress.get(address) ?? new Set();
          byAddress.set(address, names.add(printedName(name)));
        }
        for (const path of [whole, stripped]) {
          const binary = open(path);
          const wrong = symbols.flatMap(({ address, size }) => {
            const found = [address, address + size - 1].map((each) =>
              plain(framesAt(binary, each)?.at(-1)?.name ?? ""),
            );
            const names = byAddress.get(address);
            return found.every((name) => names?.has(name)) ? [] : [{ address, found, expected: [...(names ?? [])] }];
          });
          assert.deepEqual(wrong, []);
          binary.close();
        }
      });

      it("has the same files and lines as go tool addr2line, though it is stripped", () => {
        const addresses = symbols.flatMap(({ address, size }) =>
          [0, 1, 2, 3].map((quarter) => address + Math.floor((size * quarter) / 4)),
        );
        const input = addresses.map((address) => `0x${address.toString(16)}\n`).join("");
        const lines = execFileSync("go", ["tool", "addr2line", whole], { input, encoding: "utf8", maxBuffer }).split(
          "\n",
        );
        const binary = open(stripped);
        const wrong = addresses.flatMap((address, i) => {
          const expected = `${printedName(lines[2 * i])} ${lines[2 * i + 1]}`;
          const frames = framesAt(binary, address) ?? [];
          const found = `${frames.at(-1)?.name} ${frames[0]?.file}:${frames[0]?.line || "?"}`;
          // Between two functions there is no line.
          return plain(found) === plain(expected) || /:-1$|:0$|^\? /.test(expected)
            ? []
            : [{ address, expected, found }];
        });
        assert.deepEqual(wrong.slice(0, 5), []);
        binary.close();
      });

      it("unfolds calls that the compiler inlined, each with its own line", () => {
        const binary = open(stripped);
        const burn = symbols.find(({ name }) => name === "main.burn");
        assert.ok(burn);
        const chains = new Set<string>();
        for (let at = 0; at < burn.size; at++) {
          const frames: readonly Frame[] = framesAt(binary, burn.address + at) ?? [];
          assert.ok(frames.every(({ file }) => file.endsWith("main.go")));
          assert.equal(frames.at(-1)?.name, "main.burn");
          chains.add(frames.map(({ name, line }) => `${name}:${line}`).join(" < "));
        }
        const deepest = [...chains].filter((chain) => chain.startsWith("main.step:36 < main.mix:38 < main.stir:40 < "));
        assert.deepEqual(deepest, ["main.step:36 < main.mix:38 < main.stir:40 < main.burn:46"]);
        binary.close();
      });

      it("is known to the audit: release, table, frame pointers", () => {
        const release = execFileSync("go", ["env", "GOVERSION"], { encoding: "utf8" }).trim().split(" ")[0];
        const { go, symbols: left, framePointers, isPositionIndependent } = reportOf(openFileSource(stripped), 1 << 28);
        assert.equal(go?.version.split(" ")[0], release);
        assert.equal(left, undefined);
        assert.equal(framePointers.verdict, "yes");
        assert.equal(isPositionIndependent, mode === "pie");
      });
    });
  }
});
