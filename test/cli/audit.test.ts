import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { audit } from "../../src/cli/audit.js";
import { hostBinaries } from "../../src/cli/host-binaries.js";
import type { CliIo } from "../../src/cli/io.js";
import { cli } from "../support/cli-run.js";
import { type TinyElf, tinyElf } from "../support/tiny-elf.js";
import { tinyGo } from "../support/tiny-go.js";

const gnu = "00112233445566778899";
const symbols = Array.from({ length: 20 }, (_, i) => ({ name: `f${i}`, address: 0x2000 + 16 * i, size: 16 }));
let folder: string;

function file(name: string, content: Buffer | TinyElf): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, Buffer.isBuffer(content) ? content : tinyElf(content));
  return path;
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), "flamepipe-audit-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe("flamepipe audit", () => {
  it("says what a profiler can name, and ends with 0 if that is everything", async () => {
    const path = file("whole", { gnuBuildId: gnu, symbols });
    assert.deepEqual(await cli(["audit", path]), {
      code: 0,
      stderr: "",
      stdout: [
        path,
        "  names          every function",
        "  kind           x86-64, position-independent",
        "  symbols        .symtab with 20 functions",
        `  build id       gnu ${gnu}`,
        "  frame pointers unknown: too few functions, or a machine whose code is not known",
        "",
        "1 binary: 1 can be named, 0 in part, 0 not at all, 0 can't be read",
        "",
      ].join("\n"),
    });
  });

  it("names a stripped Go program in full", async () => {
    const functions = [{ name: "main.main", size: 16, file: "/m.go", startLine: 1, lines: [[0, 1]] as const }];
    const { code, stdout } = await cli(["audit", file("go", tinyGo(functions, { goBuildId: "go/id" }))]);
    assert.equal(code, 0);
    assert.match(stdout, /^ {2}names {10}every function, with file, line and inlined calls$/m);
    assert.match(stdout, /^ {2}Go {13}release not told, \.gopclntab of Go 1\.20 with 1 functions$/m);
    assert.match(stdout, /^ {2}build id {7}go go\/id$/m);
  });

  it("writes nothing to a terminal that a binary or its path has been made to say", async () => {
    const debugLink = { name: "a\u001b[2Jb.debug", checksum: 1 };
    const { stdout } = await cli([
      "audit",
      file("\u001b]0;title\u0007", { gnuBuildId: gnu, goBuildId: "x\u009b1my", debugLink }),
    ]);
    assert.match(stdout, /\/\uFFFD\]0;title\uFFFD\n/);
    assert.match(stdout, /^ {2}debug file {5}a\uFFFD\[2Jb\.debug, not found$/m);
    assert.doesNotMatch(stdout.replaceAll("\n", ""), /\p{Cc}/u);
    const none = await cli(["audit", join(folder, "no\u001b[2Jsuch")]);
    assert.match(none.stdout, /can't be read: ENOENT/);
    assert.doesNotMatch(none.stdout.replaceAll("\n", ""), /\p{Cc}/u);
  });

  it("ends with 1 where something can't be named, until its debug file is there", async () => {
    const exported = file("exported", { gnuBuildId: gnu, dynamicSymbols: symbols.slice(0, 3) });
    const nothing = file("nothing", {});
    const first = await cli(["audit", exported, nothing, "--debug-dir", join(folder, "debug")]);
    assert.equal(first.code, 1);
    assert.match(first.stdout, /only functions that other binaries may call: the rest stay addresses/);
    assert.match(first.stdout, /none: its frames stay addresses/);
    assert.match(first.stdout, /2 binaries: 0 can be named, 1 in part, 1 not at all, 0 can't be read/);
    const debug = file(`debug/.build-id/${gnu.slice(0, 2)}/${gnu.slice(2)}.debug`, { gnuBuildId: gnu, symbols });
    const second = await cli(["audit", exported, "--debug-dir", join(folder, "debug")]);
    assert.equal(second.code, 0);
    assert.ok(second.stdout.includes(`  debug file     ${debug}\n`));
  });

  it("ends with 1 where frame pointers are required and not kept", async () => {
    assert.equal((await cli(["audit", "--require-frame-pointers", file("whole", { symbols })])).code, 1);
  });

  it("ends with 2 where a file can't be read, or the command line is wrong", async () => {
    const whole = file("whole", { symbols });
    for (const [argv, expected] of [
      [[whole, file("text", Buffer.from("hello"))], /can't be read: not an ELF file/],
      [[whole, join(folder, "missing")], /can't be read: ENOENT/],
      [[folder], /can't be read: (not a regular file|EISDIR)/],
    ] as const) {
      const { code, stdout } = await cli(["audit", ...argv]);
      assert.equal(code, 2);
      assert.match(stdout, expected);
    }
    const none = await cli(["audit"]);
    assert.deepEqual([none.code, none.stdout], [2, ""]);
    assert.match(none.stderr, /name the binaries to audit, or --host/);
    assert.equal((await cli(["audit", "--no-such-option"])).code, 2);
    assert.equal((await cli(["audit", "--help"])).code, 0);
  });

  it("writes one JSON object a binary", async () => {
    const path = file("whole", { gnuBuildId: gnu, symbols });
    const { stdout } = await cli(["audit", "--json", path, path]);
    const lines = stdout.trim().split("\n");
    assert.equal(lines.length, 2);
    const { report, ...rest } = JSON.parse(lines[0]);
    assert.deepEqual(rest, { path, processes: [], debugFile: "", names: "functions" });
    assert.deepEqual(report.ids.gnu, gnu);
    assert.deepEqual(report.framePointers, { verdict: "unknown", checked: 0, withFramePointer: 0 });
  });
});

describe("flamepipe audit --host", () => {
  const range = "7f0000000000-7f0000001000";
  let proc: string;

  /** A process that runs `program` and uses `libraries`, as it sees them. */
  function run(pid: number, program: string, libraries: readonly string[], device = "fe:01"): void {
    const own = join(proc, String(pid));
    mkdirSync(join(own, "map_files"), { recursive: true });
    symlinkSync("/", join(own, "root"));
    symlinkSync(program, join(own, "exe"));
    const mapped = [program, ...libraries].map(
      (path) => `${range} r-xp 00000000 ${device} ${statSync(path).ino} ${path}\n`,
    );
    writeFileSync(join(own, "maps"), `${mapped.join("")}${range} rw-p 00000000 00:00 0 [heap]\n`);
    writeFileSync(
      join(own, "mountinfo"),
      "20 1 0:42 / /net rw - nfs4 server:/ rw\n21 1 254:1 / / rw - ext4 /dev/root rw\n",
    );
  }

  before(() => {
    proc = join(folder, "proc");
    mkdirSync(proc);
    writeFileSync(join(proc, "uptime"), "1 1\n");
  });

  it("lists programs and large libraries once, with the processes that use them", async () => {
    const program = file("bin/server", { symbols });
    const small = file("lib/small.so", { symbols });
    const large = file("lib/large.so", { text: { address: 0x2000, size: 1 << 20 }, symbols });
    const remote = file("lib/remote.so", { text: { address: 0x2000, size: 1 << 20 }, symbols });
    run(10, program, [small, large]);
    run(11, program, [large]);
    run(12, remote, [], "00:2a");
    const { binaries, left } = hostBinaries(proc);
    assert.deepEqual(
      binaries.map(({ path, processes }) => [path, processes]),
      [
        [program, [10, 11]],
        [large, [10, 11]],
      ],
    );
    assert.equal(left, 0);
    const written: string[] = [];
    const io = { stdout: { write: (text: string) => written.push(text) }, stderr: { write() {} } } as unknown as CliIo;
    const options = { host: true, json: false, debugDir: [], requireFramePointers: false, proc };
    assert.equal(await audit([], options, io), 0);
    assert.match(written.join(""), /^ {2}processes {6}10, 11$/m);
    assert.match(written.join(""), /^2 binaries: 2 can be named/m);
  });

  it("says how many processes it may not look at; the kernel's threads are none of them", async () => {
    const own = join(folder, "others");
    for (const [pid, cmdline] of [
      ["20", "/usr/bin/database\0"],
      ["21", "shell\0-c\0"],
      ["2", ""],
    ]) {
      mkdirSync(join(own, pid), { recursive: true });
      writeFileSync(join(own, pid, "cmdline"), cmdline);
    }
    assert.equal(hostBinaries(own).hidden, 2);
    assert.equal(hostBinaries(proc).hidden, 0);
    const written: string[] = [];
    const io = { stdout: { write() {} }, stderr: { write: (text: string) => written.push(text) } } as unknown as CliIo;
    const options = { host: true, json: true, debugDir: [], requireFramePointers: false, proc: own };
    assert.equal(await audit([], options, io), 0);
    assert.match(written.join(""), /^Warning: 2 processes may not be looked at/);
  });

  it("leaves out what ended meanwhile, and looks at no more than 1,024 binaries", async () => {
    for (let i = 0; i < 1100; i++) run(1000 + i, file(`many/${i}`, Buffer.from(`no ELF ${i}`)), []);
    const { binaries, left } = hostBinaries(proc);
    assert.equal(binaries.length + left, 1102);
    assert.ok(left >= 78 && left <= 80, `${left}`);
    rmSync(proc, { recursive: true });
    mkdirSync(proc);
    const gone = file("bin/gone", { symbols });
    run(9, gone, []);
    const io = {
      stdout: { write: () => true },
      stderr: { write: () => true },
    } as unknown as CliIo;
    const options = { host: true, json: true, debugDir: [], requireFramePointers: false, proc };
    assert.equal(await audit([], options, io), 0);
    rmSync(gone);
    assert.deepEqual(hostBinaries(proc).binaries, []);
  });
});
