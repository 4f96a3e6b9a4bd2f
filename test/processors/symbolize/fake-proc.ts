import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A /proc of a test's own, in a folder that goes away. */
export interface FakeProc {
  readonly path: string;
  /** Adds a process, or puts another one in its place. */
  process(pid: number, given: FakeProcess): void;
  remove(pid: number): void;
  close(): void;
}

export interface FakeProcess {
  /** Clock ticks from boot to its start. */
  readonly startTicks?: number;
  /** Text of maps. */
  readonly maps?: string;
  /** Where its `exe` leads. */
  readonly executable?: string;
  /** Files below its root, by path. */
  readonly root?: Readonly<Record<string, Buffer>>;
}

/** The system started at this unix time. */
export const bootSeconds = 1_700_000_000;

export function createFakeProc(): FakeProc {
  const path = mkdtempSync(join(tmpdir(), "flamepipe-proc-"));
  writeFileSync(join(path, "stat"), `cpu  1 2 3\nbtime ${bootSeconds}\nprocesses 5\n`);
  const remove = (pid: number): void => rmSync(join(path, String(pid)), { recursive: true, force: true });
  return {
    path,
    process(pid, { startTicks = 100, maps = "", executable, root = {} }) {
      remove(pid);
      const own = join(path, String(pid));
      mkdirSync(own);
      const fields = ["S", ...Array.from({ length: 18 }, (_, i) => i), startTicks, 0, 0];
      writeFileSync(join(own, "stat"), `${pid} (a) b) ${fields.join(" ")}\n`);
      writeFileSync(join(own, "maps"), maps);
      if (executable !== undefined) symlinkSync(executable, join(own, "exe"));
      for (const [name, content] of Object.entries(root)) {
        mkdirSync(dirname(join(own, "root", name)), { recursive: true });
        writeFileSync(join(own, "root", name), content);
      }
    },
    remove,
    close: () => rmSync(path, { recursive: true, force: true }),
  };
}
