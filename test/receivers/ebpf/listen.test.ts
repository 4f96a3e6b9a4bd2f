import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { partial, permanent, retryable } from "../../../src/component/errors.js";
import { settle } from "../../support/fake-clock.js";
import { profilesOf } from "../../support/pprof-cases.js";
import { sendTo, stacksOf, startListening, sumOf } from "./rig.js";

const folded = { format: "folded" };

function batchesOf({ sink }: Awaited<ReturnType<typeof startListening>>) {
  return sink.taken.map(({ profiles }) => profiles);
}

describe("intervals", () => {
  it("are profiles of their own: time, duration, period", async () => {
    const rig = await startListening({ listen: folded, change: { interval: "2s", sample_rate: 99 } });
    const begin = rig.clock.wallMs();
    await rig.send("work;a 1\n");
    await rig.clock.advanceAsync(2000);
    await rig.send("work;a 2\nwork;a 3\n");
    await rig.clock.advanceAsync(2000);
    // An interval without samples makes no batch.
    await rig.clock.advanceAsync(2000);
    await rig.receiver.shutdown();
    const profiles = batchesOf(rig).flatMap(profilesOf);
    const plain = profiles.map((each) => [each.timeUnixNano, each.durationNano, each.period, each.periodType.type]);
    const ns = (ms: number) => BigInt(begin + ms) * 1_000_000n;
    assert.deepEqual(plain, [
      [ns(0), 2_000_000_000n, 10_101_010n, "cpu"],
      [ns(2000), 2_000_000_000n, 10_101_010n, "cpu"],
    ]);
    assert.deepEqual(
      batchesOf(rig)
        .flatMap(stacksOf)
        .map(({ value }) => value),
      [1n, 5n],
    );
  });

  it("end early when max_stacks different stacks have come", async () => {
    const rig = await startListening({ listen: folded, change: { max_stacks: 10 } });
    for (let i = 0; i < 35; i++) await rig.send(`work;f${i} 1\n`);
    assert.deepEqual(
      batchesOf(rig).map((batch) => batch.sampleCount),
      [10, 10, 10],
    );
    await rig.receiver.shutdown();
    assert.equal(sumOf(batchesOf(rig)), 35n);
  });

  it("end early when names and stacks take 64 MiB", async () => {
    const rig = await startListening({ listen: folded });
    const name = "x".repeat(15 * 1024 * 1024);
    for (let i = 0; i < 6; i++) await rig.send(`work;${name}${i} 1\n`);
    assert.deepEqual(
      batchesOf(rig).map((batch) => batch.sampleCount),
      [5],
    );
    await rig.receiver.shutdown();
    assert.equal(sumOf(batchesOf(rig)), 6n);
  });

  it("end early, too, where all that comes is filtered", async () => {
    const change = { max_stacks: 10, exclude: [{ executable: "n*" }] };
    const rig = await startListening({ listen: folded, change });
    await rig.send(...Array.from({ length: 50 }, (_, i) => `n${i};f 1\n`));
    await rig.receiver.shutdown();
    assert.equal(batchesOf(rig).length, 0);
    assert.equal(await rig.metric("flamepipe_ebpf_samples_total", "filtered"), 50);
  });
});

describe("a pipeline that is slow", () => {
  it("slows an agent that floods by its socket, and nothing is lost", async () => {
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const rig = await startListening({ listen: folded, change: { max_stacks: 1000 }, before: () => held });
    const socket = connect(rig.receiver.port, "127.0.0.1");
    const line = (i: number) => `work;${"deep;".repeat(50)}f${i} 1\n`;
    let sent = 0;
    let quietRounds = 0;
    // Until the system's buffers are full and stay so.
    while (quietRounds < 20) {
      if (socket.writableNeedDrain) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        quietRounds++;
      } else {
        quietRounds = 0;
        let text = "";
        for (let i = 0; i < 1000; i++) text += line(sent++);
        socket.write(text);
        await settle();
      }
    }
    assert.ok(sent > 10_000);
    assert.equal(rig.sink.taken.length, 0);
    letGo();
    socket.end();
    socket.resume();
    await once(socket, "close");
    await rig.receiver.shutdown();
    assert.equal(sumOf(batchesOf(rig)), BigInt(sent));
    for (const batch of batchesOf(rig)) assert.ok(batch.sampleCount < 2000, String(batch.sampleCount));
  });

  it("that refuses for now is asked again, with the bytes as they were", async () => {
    let tries = 0;
    const before = (batch: Parameters<typeof profilesOf>[0]) => {
      if (++tries < 4) {
        // What a processor does to a batch before the next one refuses it.
        for (const profile of profilesOf(batch)) profile.mapSampleAttributes(() => null);
        throw retryable("try later");
      }
    };
    const rig = await startListening({ listen: folded, before });
    await rig.send("work;a 7\n");
    await rig.clock.advanceAsync(5000 + 500 + 1000 + 2000 - 1);
    assert.equal(rig.sink.taken.length, 0);
    await rig.clock.advanceAsync(1);
    assert.equal(tries, 4);
    assert.equal(sumOf(batchesOf(rig)), 7n);
    await rig.receiver.shutdown();
    assert.equal(rig.clock.pending, 0);
  });

  for (const [name, error, reason, lost] of [
    ["for good", permanent("never"), "permanent", 2],
    ["for more than a minute", retryable("full"), "retries_exhausted", 2],
    ["in part", partial("one was bad", 1), "partial", 1],
  ] as const) {
    it(`that refuses ${name} costs samples, which are counted`, async () => {
      const rig = await startListening({
        listen: folded,
        before: () => {
          throw error;
        },
      });
      await rig.send("work;a 7\nwork;b 1\n");
      await rig.clock.advanceAsync(70_000);
      await rig.receiver.shutdown();
      assert.equal(await rig.metric("flamepipe_dropped_samples_total", reason), lost);
      assert.equal(await rig.metric("flamepipe_ebpf_samples_total", "refused"), reason === "partial" ? 0 : 8);
      assert.equal(rig.lines.filter((line) => line.includes("Samples are lost")).length, reason === "partial" ? 0 : 1);
    });
  }

  it("is offered what is left once at shutdown", async () => {
    let tries = 0;
    const rig = await startListening({
      listen: folded,
      before: () => {
        tries++;
        throw retryable("full");
      },
    });
    await rig.send("work;a 7\n");
    await rig.receiver.shutdown();
    assert.equal(tries, 1);
    assert.equal(await rig.metric("flamepipe_dropped_samples_total", "shutdown"), 1);
  });
});

describe("connections", () => {
  it("come over a unix socket, whose file a dead process may have left", async () => {
    const folder = mkdtempSync(join(tmpdir(), "flamepipe-ebpf-"));
    const path = join(folder, "agent.sock");
    try {
      const rig = await startListening({ listen: { ...folded, endpoint: path, transport: "unix" } });
      await sendTo({ path }, ["work;a 3\n"]);
      await assert.rejects(
        startListening({ listen: { ...folded, endpoint: path, transport: "unix" } }),
        /address already in use/,
      );
      await rig.receiver.shutdown();
      assert.equal(sumOf(batchesOf(rig)), 3n);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("beyond max_connections are turned away and counted; one that stalls holds nobody up", async () => {
    const rig = await startListening({ listen: { ...folded, max_connections: 2 } });
    const stalled = connect(rig.receiver.port, "127.0.0.1");
    stalled.on("error", () => {});
    stalled.write("work;half");
    await once(stalled, "connect");
    await rig.send("work;a 3\n");
    const second = connect(rig.receiver.port, "127.0.0.1");
    second.on("error", () => {});
    second.write("work;b 4\n");
    await once(second, "connect");
    await rig.send("work;c 9\n");
    assert.equal(await rig.metric("flamepipe_ebpf_connections_refused_total", "ebpf"), 1);
    second.end();
    await once(second.resume(), "close");
    await rig.receiver.shutdown();
    assert.equal(sumOf(batchesOf(rig)), 7n);
    assert.equal(await rig.metric("flamepipe_ebpf_stream_faults_total", "incomplete"), 1);
  });

  it("are cut off at shutdown, also while they wait for the pipeline", async () => {
    const rig = await startListening({
      listen: folded,
      change: { max_stacks: 1 },
      before: () => {
        throw retryable("full");
      },
    });
    const socket = connect(rig.receiver.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("work;a 3\nwork;b 4\n");
    while (rig.clock.pending < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await rig.receiver.shutdown();
    assert.equal(await rig.metric("flamepipe_ebpf_samples_total", "refused"), 7);
    socket.destroy();
  });
});
