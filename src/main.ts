// Kept to syntax and imports that an old Node can read, so that it can say what is wrong.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`flamepipe needs Node.js >= 20.19; this is ${process.version} (${process.execPath})\n`);
  process.exit(1);
}

if (major === 20) {
  // Node 20 has no mid-tier compiler: compiling lukewarm functions with the top tier costs a fifth of a young collector's
  // CPU. Fewer and smaller compilations: 5 to 8 % less over the first hundred megabytes, nothing lost later.
  const { setFlagsFromString } = await import("node:v8");
  setFlagsFromString("--interrupt-budget=200000");
  setFlagsFromString("--max-inlined-bytecode-size-cumulative=300");
}

const { readFileSync } = await import("node:fs");
const { runCli } = await import("./cli/cli.js");
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/** The lists are read when a command needs them: `--help` and `send` don't. */
async function loadFactories() {
  const [{ receivers }, { processors }, { exporters }, { connectors }, { extensions }] = await Promise.all([
    import("../receivers/index.js"),
    import("../processors/index.js"),
    import("../exporters/index.js"),
    import("../connectors/index.js"),
    import("../extensions/index.js"),
  ]);
  return { receivers, processors, exporters, connectors, extensions };
}

// A reader that went away (`flamepipe components | head`) is no fault of ours.
process.stdout.on("error", () => {});
const code = await runCli(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  stops: process,
  version,
  loadFactories,
});
// Timers and sockets that a fault left behind must not keep the process alive.
process.stdout.write("", () => process.exit(code));
