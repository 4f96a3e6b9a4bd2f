/** Paths in the text of /proc/PID/cgroup, those of version 2 and of every hierarchy of version 1, without "/". */
export function cgroupPaths(text: string): string[] {
  const paths = new Set<string>();
  for (const line of text.split("\n")) {
    const match = /^\d+:[^:]*:(\/.*)$/.exec(line);
    if (match && match[1] !== "/") paths.add(match[1]);
  }
  return [...paths];
}

/*
 * As the runtimes name them: /docker/ID, docker-ID.scope, cri-containerd-ID.scope, …:cri-containerd:ID, crio-ID.scope,
 * libpod-ID.scope, /kubepods/…/ID, /ecs/TASK/ID. conmon watches a container and isn't in it.
 */
const containerId = /(?:^|[/:-])([0-9a-f]{64}|[0-9a-f]{32}-\d{8,12})(?:\.scope)?(?=\/|$)/g;
const watcher = /-conmon-[0-9a-f]{64}/;

/** The id of the innermost container that a cgroup path names, or "". */
export function containerIdOf(paths: readonly string[]): string {
  for (const path of paths) {
    if (watcher.test(path)) continue;
    let id = "";
    for (const match of path.matchAll(containerId)) id = match[1];
    if (id !== "") return id;
  }
  return "";
}
