import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FakeProcess {
  comm?: string;
  startTicks?: number;
  exe?: string;
  cgroup?: string;
  cmdline?: string;
  maps?: string;
  mountinfo?: string;
}

/** A folder that looks like /proc. */
export interface FakeProc {
  readonly path: string;
  set(pid: number, process: FakeProcess): void;
  end(pid: number): void;
  remove(): void;
}

export function createFakeProc(): FakeProc {
  const path = mkdtempSync(join(tmpdir(), "flamepipe-proc-"));
  writeFileSync(join(path, "stat"), "cpu  1 2 3\nbtime 1700000000\nprocesses 5\n");
  return {
    path,
    set(pid, { comm = "work", startTicks = 100, exe, cgroup, cmdline, maps, mountinfo }) {
      const own = join(path, String(pid));
      rmSync(own, { recursive: true, force: true });
      mkdirSync(own);
      const between = Array.from({ length: 18 }, () => "0").join(" ");
      writeFileSync(join(own, "stat"), `${pid} (${comm}) S ${between} ${startTicks} 0 0\n`);
      if (exe !== undefined) symlinkSync(exe, join(own, "exe"));
      const files = { cgroup, cmdline, maps, mountinfo };
      for (const [name, text] of Object.entries(files)) if (text !== undefined) writeFileSync(join(own, name), text);
    },
    end: (pid) => rmSync(join(path, String(pid)), { recursive: true, force: true }),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}
