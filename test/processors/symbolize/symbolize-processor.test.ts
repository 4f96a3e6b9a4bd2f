import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, describe, it } from "node:test";
import { symbolizeSchema } from "../../../processors/symbolize/config.js";
import type { Answer, Request } from "../../../processors/symbolize/protocol.js";
import type { SymbolSource } from "../../../processors/symbolize/symbol-source.js";
import { createSymbolizeProcessor } from "../../../processors/symbolize/symbolize-processor.js";
import { background, withContext } from "../../../src/component/context.js";
import { Profiles } from "../../../src/pdata/profiles.js";
import { nopLogger } from "../../../src/telemetry/log.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { createSink } from "../../support/consumers.js";
import { createFakeClock, settle } from "../../support/fake-clock.js";
import { columnsOf, type Frame } from "../../support/frames-at.js";
import { recordedFiles } from "../../support/recorded.js";
import { batchOf, type PlainMapping, stacksOf } from "./batches.js";
import { bootSeconds, createFakeProc } from "./fake-proc.js";

type Asked = Omit<Request, "id">;

const named = (name: string, file = "", line = 0): Frame => ({ name, systemName: "", file, line, startLine: 0 });
const segments = [{ flags: 5, offset: 0x1000, address: 0x2000, fileSize: 0x1000, memorySize: 0x1000 }];

/** A source that knows binaries by the end of their keys. */
function sourceOf(binaries: Record<string, (address: number) => Frame[] | null>, hold?: Promise<void>) {
  const asked: Asked[] = [];
  let closed = 0;
  const source: SymbolSource = {
    async request(request): Promise<Answer> {
      asked.push(request);
      await hold;
      const found = Object.entries(binaries).find(([key]) => request.target.key.endsWith(key));
      if (!found) return { outcome: "not_found", reason: "no such file here" };
      const [identity, framesAt] = found;
      const moved = request.range.start > 0x10000 ? request.range.start - 0x2000 : 0;
      const frames = request.addresses.map((address) => framesAt(address - moved));
      return { outcome: "found", identity, segments, isStripped: false, columns: columnsOf(frames) };
    },
    close: async () => void closed++,
  };
  return { source, asked, closed: () => closed };
}

function processorWith(source: SymbolSource, config: Record<string, unknown> = {}) {
  const clock = createFakeClock();
  const metrics = createMetrics();
  const sink = createSink();
  const settings = {
    id: "symbolize",
    kind: "processor",
    log: nopLogger,
    metrics,
    build: { name: "flamepipe", version: "0" },
  } as const;
  const processor = createSymbolizeProcessor(settings, symbolizeSchema.parse(config), sink, { clock, source });
  return {
    processor,
    clock,
    sink,
    metrics,
    async through(profiles: Profiles): Promise<string[][]> {
      await processor.consume(profiles, background);
      return stacksOf(sink.taken[sink.taken.length - 1].profiles);
    },
    async ratio(service: string): Promise<number> {
      const line = new RegExp(`^flamepipe_unsymbolized_frames_ratio\\{.*service="${service}"\\} (\\S+)$`, "m");
      return Number(line.exec(await metrics.text())?.[1] ?? Number.NaN);
    },
  };
}

const library: PlainMapping = { file: "lib.so", gnu: "aa11", start: 0x2000, limit: 0x3000, offset: 0x1000 };
const work = (address: number) => (address === 0x2010 ? [named("work", "/w.c", 7)] : null);

describe("symbolize", () => {
  it("gives native frames of a known build their names, inlined ones too, and leaves all others as they are", async () => {
    const framesAt = (address: number) =>
      address === 0x2010 ? [named("inner", "/a.go", 3), named("outer", "/a.go", 9)] : null;
    const { through } = processorWith(sourceOf({ "gnu:aa11": framesAt }).source);
    const stacks = [
      [
        { address: 0x2010 },
        { address: 0x2020 },
        { function: "already" },
        { address: 0x2010, type: "kernel" },
        { address: 0x2010, type: "v8js" },
        { address: 0x2010, type: "" },
      ],
    ];
    assert.deepEqual(await through(batchOf([library], [{ pid: 7, stacks }])), [
      ["inner /a.go:3 < outer /a.go:9", "0x2020", "already", "0x2010", "0x2010", "inner /a.go:3 < outer /a.go:9"],
    ]);
  });

  it("changes nothing but the lines of these locations, and appends behind what the tables had", async () => {
    const { processor, sink } = processorWith(sourceOf({ "gnu:aa11": work }).source);
    const stacks = [[{ address: 0x2010 }, { function: "already" }]];
    const before = batchOf([library], [{ pid: 7, stacks }]);
    const sent = Profiles.parse(Buffer.concat(before.encode()));
    await processor.consume(before, background);
    const after = Profiles.parse(Buffer.concat(sink.taken[0].profiles.encode()));
    const table = (profiles: Profiles, of: "string" | "function") =>
      Array.from({ length: profiles.dictionary[`${of}Count`] }, (_, i) => profiles.dictionary[of](i));
    assert.deepEqual(table(after, "string").slice(0, sent.dictionary.stringCount), table(sent, "string"));
    assert.deepEqual(table(after, "string").slice(sent.dictionary.stringCount), ["work", "/w.c"]);
    assert.deepEqual(table(after, "function").slice(0, sent.dictionary.functionCount), table(sent, "function"));
    assert.equal(after.dictionary.functionCount, sent.dictionary.functionCount + 1);
    assert.equal(after.dictionary.locationCount, sent.dictionary.locationCount);
    const { lines, ...rest } = after.dictionary.location(1);
    assert.deepEqual({ ...rest, lines: [] }, sent.dictionary.location(1));
    assert.deepEqual(lines, [{ functionIndex: sent.dictionary.functionCount, line: 7n, column: 0n }]);
  });

  it("leaves the bytes alone where nothing can be named: the recorded requests of another machine", async () => {
    const { source, asked } = sourceOf({});
    const { processor, sink } = processorWith(source);
    for (const [i, file] of recordedFiles.entries()) {
      const bytes = readFileSync(file);
      await processor.consume(Profiles.parse(bytes), background);
      assert.ok(sink.taken[i].profiles.untouched, file);
      assert.ok(Buffer.concat(sink.taken[i].profiles.encode()).equals(bytes), file);
    }
    assert.ok(asked.length > 10);
    assert.ok(asked.every(({ target }) => target.gnu !== "" || target.htlhash !== ""));
  });

  it("asks once for what it has learned, and not at all for a batch whose frames are named", async () => {
    const { source, asked } = sourceOf({ "gnu:aa11": work });
    const { through } = processorWith(source);
    const batch = () => batchOf([library], [{ pid: 7, stacks: [[{ address: 0x2010 }, { address: 0x2020 }]] }]);
    for (let i = 0; i < 3; i++) assert.deepEqual(await through(batch()), [["work /w.c:7", "0x2020"]]);
    await through(batchOf([library], [{ pid: 7, stacks: [[{ function: "already" }]] }]));
    assert.equal(asked.length, 1);
    assert.deepEqual(asked[0].target.pids, [7]);
  });

  it("waits no longer than `timeout`, or a quarter of what the sender has left; the names are there for the next one", async () => {
    for (const [leftMs, waitedMs] of [
      [undefined, 250],
      [400, 100],
    ] as const) {
      let open = () => {};
      const hold = new Promise<void>((resolve) => {
        open = resolve;
      });
      const { processor, clock, sink, through } = processorWith(sourceOf({ "gnu:aa11": work }, hold).source);
      const batch = () => batchOf([library], [{ stacks: [[{ address: 0x2010 }]] }]);
      const ctx = leftMs === undefined ? background : withContext(background, { deadlineMs: clock.now() + leftMs });
      const done = processor.consume(batch(), ctx);
      await clock.advanceAsync(waitedMs - 1);
      assert.equal(sink.taken.length, 0);
      await clock.advanceAsync(1);
      await done;
      assert.deepEqual(stacksOf(sink.taken[0].profiles), [["0x2010"]]);
      open();
      await settle();
      assert.deepEqual(await through(batch()), [["work /w.c:7"]]);
      assert.equal(clock.pending, 0);
    }
  });

  it("asks again in the same batch for what did not fit into one request", async () => {
    const { source, asked } = sourceOf({ "gnu:aa11": (address) => [named(`f${address}`)] });
    const { through } = processorWith(source);
    const stack = Array.from({ length: 5000 }, (_, i) => ({
      address: 0x2000 + (i % 4095) + 1 + 0x10000 * Math.floor(i / 4095),
    }));
    const [frames] = await through(batchOf([library], [{ stacks: [stack] }]));
    assert.deepEqual(
      asked.map(({ addresses }) => addresses.length),
      [4096, 904],
    );
    assert.ok(frames.every((frame) => frame.startsWith("f")));
  });

  describe("without build ids", () => {
    const pid = 41;
    const proc = createFakeProc();
    after(proc.close);
    proc.process(pid, { startTicks: 5000 });
    proc.process(42, { startTicks: 6000 });
    const config = { without_build_id: true, sources: { proc: proc.path } };
    const program: PlainMapping = { file: "/bin/x", start: 0x5000_0000, limit: 0x5000_1000, offset: 0x1000 };
    const stacks = [[{ address: 0x5000_0010 }]];

    it("names nothing unless it is told that the profiles are of this host", async () => {
      const { source, asked } = sourceOf({ "/bin/x": work });
      const { through } = processorWith(source, { sources: config.sources });
      assert.deepEqual(await through(batchOf([program], [{ pid, stacks }])), [["0x50000010"]]);
      assert.equal(asked.length, 0);
    });

    it("asks for the process, by its id and its start", async () => {
      const { source, asked } = sourceOf({ "/bin/x": work });
      const { through } = processorWith(source, config);
      assert.deepEqual(await through(batchOf([program], [{ pid, stacks }])), [["work /w.c:7"]]);
      assert.equal(asked[0].target.key, "pid:41@5000:50000000:/bin/x");
      assert.deepEqual(asked[0].range, { start: 0x5000_0000, limit: 0x5000_1000, fileOffset: 0x1000 });
    });

    it("leaves frames of processes that it never saw, or that began after the samples were taken", async () => {
      const { source, asked } = sourceOf({ "/bin/x": work });
      const { through } = processorWith(source, config);
      const beforeStart = BigInt(bootSeconds + 40) * 1_000_000_000n;
      for (const batch of [
        batchOf([program], [{ pid: 40, stacks }]),
        batchOf([program], [{ pid, stacks }], beforeStart),
        batchOf([program], [{ stacks }]),
      ]) {
        assert.deepEqual(await through(batch), [["0x50000010"]]);
      }
      assert.equal(asked.length, 0);
    });

    it("tells a process from an earlier one with its id, and remembers one that is gone", async () => {
      const { source, asked } = sourceOf({ "/bin/x": work });
      const { through } = processorWith(source, config);
      const batch = () => batchOf([program], [{ pid: 43, stacks }]);
      proc.process(43, { startTicks: 7000 });
      await through(batch());
      proc.remove(43);
      assert.deepEqual(await through(batch()), [["work /w.c:7"]]);
      assert.equal(asked.length, 1);
      proc.process(43, { startTicks: 8000 });
      await through(batch());
      assert.deepEqual(
        asked.map(({ target }) => [target.key, target.startTicks]),
        [
          ["pid:43@7000:50000000:/bin/x", "7000"],
          ["pid:43@8000:50000000:/bin/x", "8000"],
        ],
      );
    });

    it("names a location that processes share only if it is the same function in all of them", async () => {
      for (const [other, expected] of [
        ["same", "work"],
        ["different", "0x50000010"],
        ["unknown", "0x50000010"],
      ] as const) {
        const parent = 42;
        const source: SymbolSource = {
          async request({ target, addresses }) {
            const isOther = target.pids[0] === parent;
            if (isOther && other === "unknown") return { outcome: "not_found", reason: "" };
            const identity = isOther && other === "different" ? "b" : "a";
            const frames = addresses.map(() => [named(identity === "a" ? "work" : "play")]);
            return { outcome: "found", identity, segments, isStripped: false, columns: columnsOf(frames) };
          },
          close: async () => {},
        };
        const { through } = processorWith(source, config);
        const batch = batchOf(
          [program],
          [
            { pid, stacks },
            { pid: parent, stacks },
          ],
        );
        assert.deepEqual(await through(batch), [[expected], [expected]], other);
      }
    });
  });

  it("keeps apart what has the same addresses in different builds", async () => {
    const other = { ...library, gnu: "bb22" };
    const { source } = sourceOf({ "gnu:aa11": work, "gnu:bb22": () => [named("play")] });
    const { through } = processorWith(source);
    const processes = [
      { pid: 7, stacks: [[{ address: 0x2010, mapping: 0 }]] },
      { pid: 8, stacks: [[{ address: 0x2010, mapping: 1 }]] },
    ];
    assert.deepEqual(await through(batchOf([library, other], processes)), [["work /w.c:7"], ["play"]]);
  });

  it("counts per service how many frames stayed without a name, at most 100 services", async () => {
    const { through, ratio, metrics, clock, processor } = processorWith(sourceOf({ "gnu:aa11": work }).source);
    const frames = [
      { address: 0x2010 },
      { address: 0x2020 },
      { function: "already" },
      { address: 0x2020, type: "kernel" },
    ];
    await through(
      batchOf(
        [library],
        [
          { service: "shop", stacks: [frames, frames] },
          { service: "calm", stacks: [[frames[2]]] },
        ],
      ),
    );
    assert.equal(await ratio("shop"), 0.5);
    assert.equal(await ratio("calm"), 0);
    const many = Array.from({ length: 150 }, (_, i) => ({ service: `s${i}`, stacks: [[{ address: 0x2020 }]] }));
    await through(batchOf([library], many));
    assert.equal(await ratio("s97"), 1);
    assert.equal(await ratio("s98"), Number.NaN);
    assert.equal(await ratio("other services"), 1);
    const series = (await metrics.text()).match(/^flamepipe_unsymbolized_frames_ratio\{/gm);
    assert.equal(series?.length, 101);
    // Two minutes later those that fell silent make room.
    clock.advance(120_000);
    assert.equal(await ratio("shop"), 0);
    await through(batchOf([library], [{ service: "late", stacks: [[frames[2]]] }]));
    assert.equal(await ratio("late"), 0);
    assert.equal(await ratio("shop"), Number.NaN);
    await processor.shutdown();
    assert.doesNotMatch(await metrics.text(), /^flamepipe_unsymbolized_frames_ratio\{/m);
  });

  it("counts addresses by what became of them, and requests by how they ended", async () => {
    const { through, metrics } = processorWith(sourceOf({ "gnu:aa11": work }).source);
    const other = { ...library, gnu: "nowhere" };
    const stack = [{ address: 0x2010 }, { address: 0x2020 }, { address: 0x2030 }, { address: 0x2010, mapping: 1 }];
    await through(batchOf([library, other], [{ stacks: [stack] }]));
    const text = await metrics.text();
    for (const [name, outcome, count] of [
      ["locations", "named", 1],
      ["locations", "no_symbol", 2],
      ["locations", "no_binary", 1],
      ["requests", "found", 1],
      ["requests", "not_found", 1],
      ["requests", "crashed", 0],
    ] as const) {
      assert.match(text, new RegExp(`^flamepipe_symbolize_${name}_total\\{.*outcome="${outcome}"\\} ${count}$`, "m"));
    }
  });

  it("goes on where the source fails, in whatever way", async () => {
    const source: SymbolSource = { request: () => Promise.reject(new Error("?")), close: async () => {} };
    const { through } = processorWith(source);
    assert.deepEqual(await through(batchOf([library], [{ stacks: [[{ address: 0x2010 }]] }])), [["0x2010"]]);
  });
});
