import assert from "node:assert/strict";
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { BinaryIdentities } from "../../../receivers/ebpf/binary-identities.js";
import { CodePlaces } from "../../../receivers/ebpf/code-places.js";
import { type HostProcess, ProcessTable } from "../../../receivers/ebpf/processes.js";
import { createFakeProc, type FakeProcess } from "./fake-proc.js";
import { startListening } from "./rig.js";
import { readBinary, tinyElf } from "./tiny-elf.js";

const proc = createFakeProc();
after(() => proc.remove());

/** Puts a file where a process sees it. */
function place(pid: number, path: string, bytes: Buffer): void {
  const file = join(proc.path, String(pid), "root", path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}

function processOf(pid: number, process: FakeProcess): HostProcess {
  proc.set(pid, process);
  const found = new ProcessTable({ proc: proc.path, commandLine: false, maxProcesses: 10 }).find(pid);
  assert.ok(typeof found !== "string");
  return found;
}

const elf = tinyElf({ textOffset: 0x1000, textAddress: 0x401000n, textBytes: 0x2000, buildId: "ab".repeat(20) });
/** The text segment at run time, moved by 0x5555_5515_4000. */
const maps = `555555554000-555555555000 r--p 00000000 08:01 77 /srv/orders
555555555000-555555557000 r-xp 00001000 08:01 77 /srv/orders
7fff00000000-7fff00001000 r-xp 00000000 00:00 0 [vdso]
7fff10000000-7fff10001000 rwxp 00000000 00:00 0 
`;

function places(maxRegions = 100) {
  const identities = new BinaryIdentities(proc.path, 10);
  return { identities, places: new CodePlaces(proc.path, identities, maxRegions) };
}

describe("places of addresses", () => {
  it("are ELF virtual addresses with build ids where the binary can be read", () => {
    const process = processOf(7, { exe: "/srv/orders", maps });
    place(7, "/srv/orders", elf);
    const { places: own } = places();
    assert.deepEqual(own.at(process, 0x555555555234n), {
      address: 0x401234n,
      mapping: {
        start: 0x401000n,
        limit: 0x403000n,
        fileOffset: 0x1000n,
        file: "orders",
        ids: { gnu: "ab".repeat(20), go: "", htlhash: readBinary(elf).htlhash },
      },
    });
  });

  it("are the process' own where it can't: another file system may not answer, the file is no binary or gone", () => {
    const mapping = {
      start: 0x555555555000n,
      limit: 0x555555557000n,
      fileOffset: 0x1000n,
      file: "/srv/orders",
      ids: undefined,
    };
    const runtime = { address: 0x555555555234n, mapping };
    const gone = processOf(7, { maps });
    assert.deepEqual(places().places.at(gone, 0x555555555234n), runtime);
    const noBinary = processOf(7, { maps });
    place(7, "/srv/orders", Buffer.from("#!/bin/sh\n"));
    assert.deepEqual(places().places.at(noBinary, 0x555555555234n), runtime);
    const far = processOf(7, { maps, mountinfo: "31 27 8:1 / /srv rw - fuse.sshfs me@there:/ rw\n" });
    place(7, "/srv/orders", elf);
    assert.deepEqual(places().places.at(far, 0x555555555234n), runtime);
  });

  it("have the kernel's part of a process by its name, and memory without a file not at all", () => {
    const process = processOf(7, { maps });
    const { places: own } = places();
    const vdso = own.at(process, 0x7fff00000010n);
    assert.deepEqual([vdso?.address, vdso?.mapping.file, vdso?.mapping.limit], [0x10n, "[vdso]", 0x1000n]);
    assert.equal(own.at(process, 0x7fff10000010n), undefined);
    assert.equal(own.at(process, 0x1234n), undefined);
  });

  it("in the kernel's part have the names that it has in this very process", () => {
    const maps = readFileSync("/proc/self/maps", "utf8");
    const [, start] = /^([0-9a-f]+)-[0-9a-f]+ r-xp .*\[vdso\]$/m.exec(maps) ?? [];
    if (start === undefined) return;
    const process = processOf(7, { maps });
    const { places: own } = places();
    const names = new Set<string | undefined>();
    for (let offset = 0n; offset < 0x1000n; offset += 16n)
      names.add(own.at(process, BigInt(`0x${start}`) + offset)?.name);
    assert.ok(
      [...names].some((name) => name?.includes("gettime")),
      [...names].join(),
    );
  });

  it("are found in a file that a profiler names, by offset or by address", () => {
    const process = processOf(7, { maps });
    place(7, "/srv/orders", elf);
    const { places: own } = places();
    assert.equal(own.inFile(process, "/srv/orders", 0x1234n)?.address, 0x401234n);
    assert.equal(own.inFile(process, "/srv/orders", 0x555555555234n)?.address, 0x401234n);
    assert.equal(own.inFile(process, "/srv/other", 0x1234n), undefined);
  });

  it("are by offset where a program at fixed addresses has the same number as an address, too", () => {
    const fixed = "00402000-00404000 r-xp 00401000 08:01 78 /srv/large\n";
    const { places: own } = places();
    assert.equal(own.inFile(processOf(8, { maps: fixed }), "/srv/large", 0x402234n)?.address, 0x403234n);
    assert.equal(own.inFile(processOf(8, { maps: fixed }), "/srv/large", 0x403fffn)?.address, 0x403fffn);
  });

  it("are looked for again when an address is new, once an interval; a process that ended keeps those it had", () => {
    const process = processOf(7, { maps: "" });
    const { places: own } = places();
    const late = 0x555555555234n;
    assert.equal(own.at(process, late), undefined);
    writeFileSync(join(proc.path, "7", "maps"), maps);
    assert.equal(own.at(process, late), undefined);
    own.beginInterval();
    assert.equal(own.at(process, late)?.address, late);
    proc.end(7);
    own.beginInterval();
    assert.equal(own.at(process, 1n), undefined);
    assert.equal(own.at(process, late)?.address, late);
  });

  it("are remembered up to a number of regions, binaries up to a number of files", () => {
    const { places: own, identities } = places(10);
    for (let pid = 100; pid < 130; pid++) {
      const process = processOf(pid, { maps: maps.replaceAll("08:01 77", `08:01 ${pid}`) });
      place(pid, "/srv/orders", elf);
      assert.equal(own.at(process, 0x555555555234n)?.address, 0x401234n);
      assert.ok(own.size <= 10);
      assert.ok(identities.size <= 10);
    }
    for (let pid = 100; pid < 130; pid++) proc.end(pid);
  });

  it("read one file once for all processes that have it", () => {
    const { places: own } = places();
    const first = processOf(7, { maps });
    place(7, "/srv/orders", elf);
    own.at(first, 0x555555555234n);
    const second = processOf(8, { maps });
    assert.equal(own.at(second, 0x555555555234n)?.address, 0x401234n);
    proc.end(8);
  });

  it("are those of a file that took the inode of another, or was written over it", () => {
    const { places: own } = places();
    const gnuAt = (pid: number, bytes: Buffer): string | undefined => {
      const process = processOf(pid, { maps });
      place(pid, "/srv/orders", bytes);
      utimesSync(join(proc.path, String(pid), "root/srv/orders"), pid, pid);
      own.beginInterval();
      return own.at(process, 0x555555555234n)?.mapping.ids?.gnu;
    };
    const later = { textOffset: 0x1000, textAddress: 0x401000n, textBytes: 0x2000 };
    assert.equal(gnuAt(61, elf), "ab".repeat(20));
    assert.equal(gnuAt(62, tinyElf({ ...later, buildId: "cd".repeat(20) })), "cd".repeat(20));
    const running = processOf(63, { maps });
    place(63, "/srv/orders", elf);
    utimesSync(join(proc.path, "63/root/srv/orders"), 63, 63);
    assert.equal(own.at(running, 0x555555555234n)?.mapping.ids?.gnu, "ab".repeat(20));
    // What is known of the region of a process that ended stays what it was.
    proc.end(63);
    own.beginInterval();
    assert.equal(own.at(running, 0x555555555234n)?.mapping.ids?.gnu, "ab".repeat(20));
  });

  it("take hostile binaries for none: truncated anywhere, or full of whatever", () => {
    const process = processOf(7, { maps });
    for (let length = 0; length < elf.length; length += 7) {
      place(7, "/srv/orders", elf.subarray(0, length));
      assert.ok(places().places.at(process, 0x555555555234n));
    }
    for (let at = 0; at < 64 + 3 * 56; at++) {
      const broken = Buffer.from(elf);
      broken[at] = 0xff;
      place(7, "/srv/orders", broken);
      assert.ok(places().places.at(process, 0x555555555234n));
    }
  });
});

describe("frames", () => {
  it("of a stream are placed: leaves where they are, callers before the address that they return to", async () => {
    proc.set(7, { exe: "/srv/orders", maps });
    place(7, "/srv/orders", elf);
    const rig = await startListening({ change: { proc: proc.path } });
    const key =
      "7,work,,\n\t555555555234 0x1 ([unknown])\n\t555555555234 0x1 ([unknown])\n\t7fff10000010 0x1 ([unknown])\n";
    await rig.send(`${JSON.stringify({ type: "map", data: { "@": { [key]: 1 } } })}\n`);
    await rig.receiver.shutdown();
    const { dictionary, resources } = rig.sink.taken[0].profiles;
    const [stack] = resources[0].scopes[0].profiles[0].stacks();
    const locations = Array.from(dictionary.stack(stack), (index) => dictionary.location(index));
    assert.deepEqual(
      locations.map(({ address }) => address),
      [0x401234n, 0x401233n, 0x7fff1000000fn],
    );
    assert.deepEqual(
      locations.map(({ mappingIndex }) => mappingIndex > 0),
      [true, true, false],
    );
    const mapping = dictionary.mapping(locations[0].mappingIndex);
    assert.equal(dictionary.string(mapping.filenameIndex), "orders");
    const ids = Array.from(mapping.attributeIndices, (index) => dictionary.attribute(index).key);
    assert.deepEqual(ids, ["process.executable.build_id.gnu", "process.executable.build_id.htlhash"]);
    assert.equal(await rig.metric("flamepipe_ebpf_bare_frames_total", "unmapped"), 1);
  });
});
