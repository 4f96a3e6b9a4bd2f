import assert from "node:assert/strict";
import { after, afterEach, describe, it } from "node:test";
import { containerIdOf } from "../../../receivers/ebpf/cgroup.js";
import { ProcessTable } from "../../../receivers/ebpf/processes.js";
import { createFakeProc } from "./fake-proc.js";
import { stacksOf, startListening } from "./rig.js";

const id = "4f0c".repeat(16);
const proc = createFakeProc();
after(() => proc.remove());
afterEach(() => {
  for (const pid of [7, 8, 9]) proc.end(pid);
});

describe("containers", () => {
  for (const [name, path, expected] of [
    ["docker, cgroup v1", `/docker/${id}`, id],
    ["docker, cgroup v2", `/system.slice/docker-${id}.scope`, id],
    [
      "containerd in kubernetes, v2",
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podab12.slice/cri-containerd-${id}.scope`,
      id,
    ],
    ["containerd in kubernetes, v1", `/kubepods/besteffort/pod0c3e2f/${id}`, id],
    [
      "containerd without systemd's names",
      `/system.slice/containerd.service/kubepods-podab.slice:cri-containerd:${id}`,
      id,
    ],
    ["CRI-O", `/kubepods.slice/kubepods-podab.slice/crio-${id}.scope`, id],
    ["podman", `/machine.slice/libpod-${id}.scope/container`, id],
    ["podman, not root", `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope`, id],
    ["one in another: the inner one", `/docker/${"a".repeat(64)}/docker/${id}`, id],
    ["Fargate", "/ecs/9f0c/4f0c4f0c4f0c4f0c4f0c4f0c4f0c4f0c-1234567890", "4f0c4f0c4f0c4f0c4f0c4f0c4f0c4f0c-1234567890"],
    ["what watches a container", `/machine.slice/libpod-conmon-${id}.scope`, ""],
    ["a service", "/system.slice/ssh.service", ""],
    ["hex that is too long", `/docker/${id}0`, ""],
  ] as const) {
    it(`are told by the cgroup of ${name}`, () => assert.equal(containerIdOf([path]), expected));
  }
});

describe("processes", () => {
  /** One interval of a stream after another, with what happens to /proc in between. */
  async function intervals(lines: readonly string[], change: object, between: (round: number) => void = () => {}) {
    const rig = await startListening({ listen: { format: "folded" }, change: { proc: proc.path, ...change } });
    for (const [round, line] of lines.entries()) {
      between(round);
      await rig.send(`${line}\n`);
      await rig.clock.advanceAsync(5000);
    }
    await rig.receiver.shutdown();
    return { ...rig, rounds: rig.sink.taken.map(({ profiles }) => stacksOf(profiles)) };
  }

  const cgroup = `12:memory:/docker/${id}\n0::/\n`;

  it("are resources with their executable, container and start time", async () => {
    proc.set(7, { comm: "a) (b", startTicks: 250, exe: "/opt/shop/orders", cgroup, cmdline: "orders\0--token\0x\0" });
    const { rounds } = await intervals(["thread-7;main 1"], {});
    assert.deepEqual(rounds[0][0].resource, {
      "process.pid": 7n,
      "process.executable.path": "/opt/shop/orders",
      "process.executable.name": "orders",
      "container.id": id,
      "process.creation.time": new Date(1_700_000_002_500).toISOString(),
    });
    const asked = await intervals(["thread-7;main 1"], { command_line: true });
    assert.equal(asked.rounds[0][0].resource["process.command_line"], "orders --token x");
  });

  it("of the kernel have their thread's name; those that are gone have what the stream says", async () => {
    proc.set(7, { comm: "kworker/0:1" });
    const { rounds, metric } = await intervals(["kworker-7;a 1", "short-8;a 1"], {});
    assert.equal(rounds[0][0].resource["process.executable.name"], "kworker/0:1");
    assert.deepEqual(rounds[1][0].resource, { "process.pid": 8n, "process.executable.name": "short" });
    assert.equal(await metric("flamepipe_ebpf_unknown_processes_total", "gone"), 1);
  });

  it("that ended are still known for a while, and not for ever", () => {
    const table = new ProcessTable({ proc: proc.path, commandLine: false, maxProcesses: 10 });
    proc.set(7, { exe: "/bin/work" });
    const before = table.find(7);
    proc.end(7);
    for (let i = 0; i < 12; i++) {
      table.beginInterval();
      assert.equal(table.find(7), before);
      assert.equal(table.find(7), before);
    }
    table.beginInterval();
    assert.equal(table.find(7), "gone");
  });

  it("whose id was reused are told by their start time", async () => {
    const { rounds, metric } = await intervals(["old-7;a 1", "new-7;a 1", "new-7;a 1"], {}, (round) => {
      if (round === 0) proc.set(7, { exe: "/bin/old", startTicks: 100 });
      if (round === 1) proc.set(7, { exe: "/bin/new", startTicks: 200 });
    });
    const names = rounds.map(([{ resource }]) => [
      resource["process.executable.name"],
      resource["process.executable.path"],
    ]);
    // In between nobody can tell whose samples they are.
    assert.deepEqual(names, [
      ["old", "/bin/old"],
      ["new", undefined],
      ["new", "/bin/new"],
    ]);
    assert.equal(await metric("flamepipe_ebpf_unknown_processes_total", "reused"), 1);
  });

  it("that turned into another program are looked at anew", async () => {
    const { rounds } = await intervals(["sh-7;a 1", "work-7;a 1"], {}, (round) => {
      proc.set(7, { exe: round === 0 ? "/bin/sh" : "/bin/work" });
    });
    assert.deepEqual(
      rounds.map(([{ resource }]) => resource["process.executable.path"]),
      ["/bin/sh", "/bin/work"],
    );
  });

  it("are remembered up to a number", () => {
    const table = new ProcessTable({ proc: proc.path, commandLine: false, maxProcesses: 2 });
    for (const pid of [7, 8, 9]) {
      proc.set(pid, {});
      table.find(pid);
    }
    assert.equal(table.size, 2);
  });

  for (const [name, change, expected] of [
    ["nothing", {}, ["node", "orders", "short"]],
    ["a path", { include: [{ executable: "/opt/**" }] }, ["orders"]],
    ["a name", { include: [{ executable: "node" }] }, ["node"]],
    ["an id", { include: [{ pid: 8 }] }, ["node"]],
    ["any container", { include: [{ container: "*" }] }, ["orders"]],
    ["a container", { include: [{ container: "4f0c*" }] }, ["orders"]],
    ["a cgroup", { include: [{ cgroup: "/user.slice/**" }] }, ["node"]],
    ["all that one entry says", { include: [{ executable: "node", container: "*" }] }, []],
    ["one of two entries", { include: [{ executable: "node" }, { container: "*" }] }, ["node", "orders"]],
    ["what to leave out", { exclude: [{ executable: "node" }] }, ["orders", "short"]],
    ["both", { include: [{ pid: 7 }, { pid: 8 }], exclude: [{ executable: "/opt/shop/*" }] }, ["node"]],
  ] as const) {
    it(`are chosen by ${name}`, async () => {
      proc.set(7, { exe: "/opt/shop/orders", cgroup });
      proc.set(8, { exe: "/usr/bin/node", cgroup: "0::/user.slice/session-1.scope\n" });
      const { rounds, metric } = await intervals(["orders-7;a 1\nnode-8;a 2\nshort-9;a 4"], change);
      const names = (rounds[0] ?? []).map(({ resource }) => resource["process.executable.name"]).sort();
      assert.deepEqual(names, expected);
      const weight = { orders: 1, node: 2, short: 4 };
      const taken = expected.reduce((sum, each) => sum + weight[each], 0);
      assert.equal(await metric("flamepipe_ebpf_samples_total", "taken"), taken);
      assert.equal(await metric("flamepipe_ebpf_samples_total", "filtered"), 7 - taken);
    });
  }
});
