import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Binaries, createBinaries } from "../../../processors/symbolize/binaries.js";
import type { Target, WorkerOptions } from "../../../processors/symbolize/protocol.js";
import { createStartTimes } from "../../../processors/symbolize/start-times.js";
import { headTailHash } from "../../../src/symbols/build-id.js";
import { bufferSource } from "../../../src/symbols/byte-source.js";
import { crc32Of } from "../../../src/symbols/crc32.js";
import { framesOf } from "../../support/frames-at.js";
import { type TinyElf, tinyElf } from "../../support/tiny-elf.js";
import { bootSeconds, createFakeProc, type FakeProc } from "./fake-proc.js";

const gnu = "00112233445566778899";
const withSymbol = (name: string, rest: TinyElf = {}): Buffer =>
  tinyElf({ gnuBuildId: gnu, symbols: [{ name, address: 0x2000, size: 0x100 }], ...rest });
const none = { start: 0, limit: 0, fileOffset: 0 };

let folder: string;
let proc: FakeProc;
const opened: Binaries[] = [];

before(() => {
  folder = mkdtempSync(join(tmpdir(), "flamepipe-binaries-"));
  proc = createFakeProc();
});
after(() => {
  for (const each of opened) each.close();
  rmSync(folder, { recursive: true, force: true });
  proc.close();
});

function file(name: string, content: Buffer): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

function binariesWith(change: Partial<WorkerOptions> = {}): Binaries {
  const created = createBinaries({
    proc: proc.path,
    debugDirs: [],
    systemDirs: [],
    uploadDir: "",
    demangle: "full",
    maxTableBytes: 1 << 20,
    maxKeptBytes: 1 << 20,
    strippedTtlMs: 60_000,
    ...change,
  });
  opened.push(created);
  return created;
}

function targetOf(change: Partial<Target>): Target {
  return { key: "k", gnu: "", go: "", htlhash: "", file: "", executable: "", pids: [], startTicks: "", ...change };
}

/** What the address 0x2010 is called; what went wrong where it has no name. */
function nameIn(binaries: Binaries, change: Partial<Target>, range = none, address = 0x2010): string {
  const answer = binaries.answer({ target: targetOf(change), addresses: [address], range });
  if (answer.outcome !== "found") return `${answer.outcome}: ${answer.reason}`;
  return framesOf(answer.columns)[0]?.[0].name ?? "no name";
}

describe("a binary of a known build", () => {
  it("is found in the root of a process that has it, by its name in the maps", () => {
    proc.process(11, {
      maps: "7f0000000000-7f0000001000 r-xp 00001000 fe:01 99 /opt/lib/libwork.so\n",
      root: { "opt/lib/libwork.so": withSymbol("work") },
    });
    assert.equal(nameIn(binariesWith(), { gnu, file: "libwork.so", pids: [11] }), "work");
  });

  it("is found as the program of the process, even if its file is gone", () => {
    proc.process(12, { executable: file("deleted/server", withSymbol("serve")) });
    assert.equal(nameIn(binariesWith(), { gnu, file: "server", executable: "/srv/server", pids: [12] }), "serve");
  });

  it("is found at its path, in a system directory, or among uploaded files by whatever name", () => {
    const path = file("bin/tool", withSymbol("tool"));
    assert.equal(nameIn(binariesWith(), { gnu, file: path }), "tool");
    assert.equal(nameIn(binariesWith({ systemDirs: [join(folder, "bin")] }), { gnu, file: "tool" }), "tool");
    file("uploads/v1/anything.bin", withSymbol("uploaded"));
    assert.equal(nameIn(binariesWith({ uploadDir: join(folder, "uploads") }), { gnu, file: "x" }), "uploaded");
  });

  it("is known by any of its ids", () => {
    const content = withSymbol("tool", { goBuildId: "go/id" });
    const systemDirs = [dirname(file("ids/tool", content))];
    const htlhash = headTailHash(bufferSource(content));
    for (const ids of [{ gnu }, { go: "go/id" }, { htlhash }, { gnu, htlhash: "other" }]) {
      assert.equal(nameIn(binariesWith({ systemDirs }), { ...ids, file: "tool" }), "tool");
    }
    for (const ids of [{ gnu: "ff", htlhash }, { go: "go/other" }, { htlhash: "00" }]) {
      assert.equal(
        nameIn(binariesWith({ systemDirs }), { ...ids, file: "tool" }),
        "not_found: files of that name are of another build",
      );
    }
  });

  it("is not found where it isn't", () => {
    assert.equal(nameIn(binariesWith(), { gnu, file: "nowhere" }), "not_found: no such file here");
    assert.match(
      nameIn(binariesWith({ systemDirs: [dirname(file("text/tool", Buffer.from("#!/bin/sh")))] }), {
        gnu,
        file: "tool",
      }),
      /^invalid: .*text\/tool: not an ELF file$/,
    );
    mkdirSync(join(folder, "dir/tool"), { recursive: true });
    assert.match(
      nameIn(binariesWith({ systemDirs: [join(folder, "dir")] }), { gnu, file: "tool" }),
      /^not_found|^invalid/,
    );
    for (const name of ["", ".", "..", "/"]) {
      assert.match(nameIn(binariesWith({ systemDirs: [join(folder, "bin")] }), { gnu, file: name }), /^not_found/);
    }
  });

  it("is asked for with addresses of its own or of run time, and answers the same", () => {
    const systemDirs = [dirname(file("moved/tool", withSymbol("tool")))];
    const target = { gnu, file: "tool" };
    const moved = { start: 0x7f00_0000_0000, limit: 0x7f00_0000_1000, fileOffset: 0x1000 };
    assert.equal(nameIn(binariesWith({ systemDirs }), target, moved, 0x7f00_0000_0010), "tool");
    const own = { start: 0x2000, limit: 0x3000, fileOffset: 0x1000 };
    assert.equal(nameIn(binariesWith({ systemDirs }), target, own, 0x2010), "tool");
  });
});

describe("symbols that were stripped", () => {
  const stripped = tinyElf({ gnuBuildId: gnu, dynamicSymbols: [] });

  it("are found by build id in a debug directory, or among uploaded files", () => {
    const systemDirs = [dirname(file("stripped/tool", stripped))];
    const target = { gnu, file: "tool" };
    assert.equal(nameIn(binariesWith({ systemDirs }), target), "no name");
    file(`debug/.build-id/${gnu.slice(0, 2)}/${gnu.slice(2)}.debug`, withSymbol("by id"));
    assert.equal(nameIn(binariesWith({ systemDirs, debugDirs: [join(folder, "debug")] }), target), "by id");
    file("uploads2/tool.debug", withSymbol("uploaded"));
    assert.equal(nameIn(binariesWith({ systemDirs, uploadDir: join(folder, "uploads2") }), target), "uploaded");
  });

  it("alone are enough where the binary itself is not here", () => {
    file(`debug3/.build-id/${gnu.slice(0, 2)}/${gnu.slice(2)}.debug`, withSymbol("by id"));
    assert.equal(nameIn(binariesWith({ debugDirs: [join(folder, "debug3")] }), { gnu, file: "tool" }), "by id");
  });

  it("are taken from the linked file if its build id is the same, or else its checksum", () => {
    const debugOf = (id: string | undefined) =>
      tinyElf({ gnuBuildId: id, symbols: [{ name: "linked", address: 0x2000, size: 0x100 }] });
    for (const [id, debug, checksum, expected] of [
      [gnu, debugOf(gnu), 0, "linked"],
      [gnu, debugOf("99"), 0, "no name"],
      [undefined, debugOf(undefined), crc32Of(bufferSource(debugOf(undefined))), "linked"],
      [undefined, debugOf(undefined), 12345, "no name"],
    ] as const) {
      const content = tinyElf({ gnuBuildId: id, goBuildId: "g", debugLink: { name: "tool.debug", checksum } });
      const systemDirs = [dirname(file("linked/tool", content))];
      file("linked/.debug/tool.debug", debug);
      assert.equal(nameIn(binariesWith({ systemDirs }), { go: "g", file: "tool" }), expected);
    }
  });

  it("are found in the debug directory of the process' own root", () => {
    proc.process(13, {
      maps: "7f0000000000-7f0000001000 r-xp 00001000 fe:01 99 /opt/tool\n",
      root: {
        "opt/tool": stripped,
        [`usr/lib/debug/.build-id/${gnu.slice(0, 2)}/${gnu.slice(2)}.debug`]: withSymbol("in its root"),
      },
    });
    const binaries = binariesWith({ debugDirs: ["/usr/lib/debug"] });
    assert.equal(nameIn(binaries, { gnu, file: "tool", pids: [13] }), "in its root");
  });

  it("that come later are seen when the time for it has passed", () => {
    const systemDirs = [dirname(file("late/tool", stripped))];
    const debugDirs = [join(folder, "late-debug")];
    const patient = binariesWith({ systemDirs, debugDirs });
    const eager = binariesWith({ systemDirs, debugDirs, strippedTtlMs: 0 });
    for (const binaries of [patient, eager]) assert.equal(nameIn(binaries, { gnu, file: "tool" }), "no name");
    file(`late-debug/.build-id/${gnu.slice(0, 2)}/${gnu.slice(2)}.debug`, withSymbol("late"));
    assert.equal(nameIn(patient, { gnu, file: "tool" }), "no name");
    assert.equal(nameIn(eager, { gnu, file: "tool" }), "late");
  });
});

describe("a binary without a build id", () => {
  const range = { start: 0x7f00_0000_0000, limit: 0x7f00_0000_1000, fileOffset: 0x1000 };
  const content = tinyElf({ symbols: [{ name: "work", address: 0x2000, size: 0x100 }] });
  const target = { file: "/opt/tool", pids: [21], startTicks: "100" };
  const address = 0x7f00_0000_0010;

  /** A process that has a file mapped; the maps say another inode if `isReplaced`. */
  function mapped(suffix = "", isReplaced = false, opens = join(proc.path, "21/root/opt/tool")): void {
    proc.process(21, { root: { "opt/tool": content } });
    const inode = statSync(opens).ino + (isReplaced ? 1 : 0);
    const line = `7f0000000000-7f0000001000 r-xp 00001000 fe:01 ${inode} /opt/tool${suffix}\n`;
    writeFileSync(join(proc.path, "21/maps"), line);
  }

  it("is that of the process, if it still is the same process, with the same file at the same address", () => {
    mapped();
    assert.equal(nameIn(binariesWith(), target, range, address), "work");
    assert.match(nameIn(binariesWith(), { ...target, startTicks: "99" }, range, address), /^not_found/);
    assert.match(nameIn(binariesWith(), { ...target, file: "/opt/other" }, range, address), /^not_found/);
    const elsewhere = { ...range, start: 0x7f00_0000_1000, limit: 0x7f00_0000_2000 };
    assert.match(nameIn(binariesWith(), target, elsewhere, elsewhere.start + 0x10), /^not_found/);
    assert.match(nameIn(binariesWith({ proc: "" }), target, range, address), /^not_found/);
  });

  it("is not the file that took its place", () => {
    mapped("", true);
    assert.equal(
      nameIn(binariesWith(), target, range, address),
      "not_found: the file was replaced since the process mapped it",
    );
    mapped(" (deleted)");
    assert.equal(nameIn(binariesWith(), target, range, address), "not_found: no such file here");
  });

  it("is what the kernel's link leads to, where that may be followed", () => {
    const kept = file("kept/tool", content);
    mapped(" (deleted)", false, kept);
    mkdirSync(join(proc.path, "21/map_files"));
    symlinkSync(kept, join(proc.path, "21/map_files/7f0000000000-7f0000001000"));
    assert.equal(nameIn(binariesWith(), target, range, address), "work");
  });
});

describe("binaries that were read", () => {
  it("are read once for all that have the same content, and closed when they are too many", () => {
    const binaries = binariesWith({ maxKeptBytes: 1 });
    for (let i = 0; i < 100; i++) {
      const id = `aabb${String(i).padStart(4, "0")}`;
      const path = file(`many/${i}`, withSymbol(`f${i}`, { gnuBuildId: id }));
      assert.equal(nameIn(binaries, { key: `gnu:${id}`, gnu: id, file: path }), `f${i}`);
    }
    assert.ok(readdirSync("/proc/self/fd").length < 100);
    // The first one is read again.
    assert.equal(nameIn(binaries, { key: "gnu:aabb0000", gnu: "aabb0000", file: join(folder, "many/0") }), "f0");
  });
});

describe("the start of a process", () => {
  it("is remembered for the last 4,096 processes that are gone", () => {
    const times = createStartTimes(proc.path);
    const newestMs = (bootSeconds + 1000) * 1000;
    for (let pid = 1000; pid <= 1000 + 4096; pid++) {
      const own = join(proc.path, String(pid));
      mkdirSync(own);
      writeFileSync(join(own, "stat"), `${pid} (x) S ${"0 ".repeat(18)}${pid} 0`);
      assert.equal(times.of(pid, newestMs), String(pid));
      unlinkSync(join(own, "stat"));
    }
    assert.equal(times.of(1000, newestMs), undefined);
    assert.equal(times.of(1001, newestMs), "1001");
    assert.equal(times.of(999, newestMs), undefined);
  });
});
