import assert from "node:assert/strict";
import net from "node:net";
import { describe, it } from "node:test";
import type { Component } from "../../src/component/factory.js";
import { components, create, host, workingInput } from "./components.js";

const next = { mutates: false, reserve: () => undefined, consume: async () => {} };

/** What `work` sets going: timers, servers, connections. */
function sideEffects(work: () => void): string[] {
  const seen: string[] = [];
  const targets: [object, string][] = [
    [globalThis, "setTimeout"],
    [globalThis, "setInterval"],
    [globalThis, "setImmediate"],
    [net.Server.prototype, "listen"],
    [net.Socket.prototype, "connect"],
  ];
  const restore = targets.map(([target, key]) => {
    const original = Reflect.get(target, key);
    Reflect.set(target, key, function (this: unknown, ...args: unknown[]) {
      seen.push(key);
      return Reflect.apply(original, this, args);
    });
    return () => Reflect.set(target, key, original);
  });
  try {
    work();
  } finally {
    for (const undo of restore) undo();
  }
  return seen;
}

/** Things that keep the process alive: servers, sockets, timers. */
function holding(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((kind) => /Server|Socket|Timeout|Immediate|Worker|FSEvent|StatWatcher/.test(kind))
    .sort();
}

/** What is held beyond `before`, once closing had some turns of the event loop. */
async function heldBeyond(before: readonly string[]): Promise<string[]> {
  for (let turn = 0; ; turn++) {
    const extra = holding();
    for (const kind of before) {
      const at = extra.indexOf(kind);
      if (at >= 0) extra.splice(at, 1);
    }
    if (extra.length === 0 || turn === 200) return extra;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

for (const { factory, folder, name } of components) {
  describe(name, () => {
    it("is made without side effects", () => {
      const input = workingInput(factory, folder);
      let made: Component | undefined;
      const seen = sideEffects(() => {
        made = create(factory, input, next);
      });
      assert.deepEqual(seen, []);
      return made?.shutdown();
    });

    it("can be shut down without a start, and again", async () => {
      const component: Component = create(factory, workingInput(factory, folder), next);
      await component.shutdown();
      await component.shutdown();
    });

    it("lets go of everything when it is shut down", async () => {
      const before = holding();
      const component: Component = create(factory, workingInput(factory, folder), next);
      await component.start(host);
      await component.shutdown();
      await component.shutdown();
      assert.deepEqual(await heldBeyond(before), []);
    });
  });
}
