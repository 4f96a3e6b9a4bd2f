import { readFile, stat } from "node:fs/promises";
import type { Clock } from "../../src/delivery/clock.js";
import { glob } from "../../src/files/glob.js";
import type { Logger } from "../../src/telemetry/log.js";
import type { FileSdConfig } from "./config.js";
import type { Discovery } from "./discovery.js";
import { createLoop } from "./scrape-loop.js";
import type { TargetGroup } from "./target.js";
import { readTargetGroups } from "./target-groups.js";

const maxFileBytes = 16 * 1024 * 1024;

interface Known {
  stamp: string;
  groups: readonly TargetGroup[];
  broken: boolean;
}

/** Targets in files, read again when they change. A file that can't be read any more keeps what it said. */
export function createFileDiscovery(
  config: FileSdConfig,
  clock: Clock,
  log: Logger,
  parseYaml: (text: string) => unknown,
  changed: () => void,
): Discovery {
  const files = new Map<string, Known>();

  async function refresh(): Promise<void> {
    const paths = await matching();
    if (!paths) return;
    let any = false;
    for (const path of [...files.keys()]) {
      if (!paths.includes(path)) any = files.delete(path) || any;
    }
    for (const path of paths) any = (await look(path)) || any;
    if (any) changed();
  }

  async function matching(): Promise<string[] | undefined> {
    try {
      return (await Promise.all(config.files.map((pattern) => glob(pattern)))).flat();
    } catch (error) {
      log.warn("Files of targets can't be found", { error: (error as Error).message });
      return undefined;
    }
  }

  /** True if the file has other targets than before. */
  async function look(path: string): Promise<boolean> {
    const before = files.get(path);
    let stamp = "";
    try {
      const { mtimeMs, size, ino } = await stat(path);
      stamp = `${mtimeMs} ${size} ${ino}`;
      if (stamp === before?.stamp) return false;
      if (size > maxFileBytes) throw new Error(`the file is larger than ${maxFileBytes} bytes`);
      const text = await readFile(path, "utf8");
      const list = /\.json$/i.test(path) ? JSON.parse(text) : parseYaml(text);
      files.set(path, { stamp, groups: readTargetGroups(list, { __meta_filepath: path }), broken: false });
      return true;
    } catch (error) {
      if (!before?.broken) log.warn("A file of targets can't be read", { file: path, error: (error as Error).message });
      // With this stamp it is looked at again only when it has changed.
      files.set(path, { stamp, groups: before?.groups ?? [], broken: true });
      return false;
    }
  }

  const loop = createLoop(clock, Math.max(100, config.refresh_interval), 0, refresh);
  return {
    groups: () => [...files.values()].flatMap(({ groups }) => groups),
    async start() {
      await refresh();
      loop.start();
    },
    stop: loop.stop,
  };
}
