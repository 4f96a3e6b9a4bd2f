import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

/** A command line. */
export type Command = readonly [program: string, ...argv: string[]];

/** Why a run with a real client can't be; false = it can, if its client can be installed. */
export function reasonToSkip(...tools: readonly string[]): string | false {
  if (!process.env.FLAMEPIPE_E2E) return "runs with FLAMEPIPE_E2E=1";
  const missing = tools.find((tool) => spawnSync(tool, ["--version"]).error !== undefined);
  return missing === undefined ? false : `${missing} is not installed`;
}

/**
 * Copies test/e2e/clients/<name> to .e2e/<name>, where what was installed stays for the next run, and runs `commands`
 * there. Resolves with the folder, or with the reason why the client can't be had.
 */
export async function install(
  name: string,
  ...commands: readonly Command[]
): Promise<{ folder: string; problem: string }> {
  const folder = resolve(".e2e", name);
  mkdirSync(folder, { recursive: true });
  cpSync(join("test", "e2e", "clients", name), folder, { recursive: true });
  for (const command of commands) {
    const problem = await finish(command, folder);
    if (problem !== "") return { folder, problem: `${command.slice(0, 3).join(" ")}: ${problem}` };
  }
  return { folder, problem: "" };
}

/** "" when the command succeeded, else the end of what it said. */
async function finish([program, ...argv]: Command, cwd: string): Promise<string> {
  const env = { ...process.env, GOFLAGS: "-mod=readonly -buildvcs=false", GOWORK: "off", GOTOOLCHAIN: "local" };
  const child = spawn(program, argv, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      said = (said + chunk).slice(-2000);
    });
  }
  const code = await new Promise((ended) => {
    child.once("error", ended);
    child.once("close", ended);
  });
  return code === 0 ? "" : said.trim() || String(code);
}
