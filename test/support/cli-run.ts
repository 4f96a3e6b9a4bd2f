import { EventEmitter } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { runCli } from "../../src/cli/cli.js";
import type { Factories } from "../../src/component/factory.js";
import { shippedFactories } from "./build-from-yaml.js";

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliRunOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly factories?: Factories;
  /** Where signals come from. */
  readonly stops?: EventEmitter;
}

/** Runs one command line in this process. */
export async function cli(argv: readonly string[], options: CliRunOptions = {}): Promise<CliRun> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const written = Promise.all([text(stdout), text(stderr)]);
  const code = await runCli(argv, {
    stdin: Readable.from([options.stdin ?? ""]),
    stdout,
    stderr,
    env: options.env ?? {},
    stops: options.stops ?? new EventEmitter(),
    version: "9.8.7",
    loadFactories: async () => options.factories ?? shippedFactories,
  });
  stdout.end();
  stderr.end();
  const [out, err] = await written;
  return { code, stdout: out, stderr: err };
}
