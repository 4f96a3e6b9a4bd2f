import type { Readable, Writable } from "node:stream";
import type { Factories } from "../component/factory.js";
import type { Stops } from "../service/run.js";

/** What a command may use of the process; tests bring their own. */
export interface CliIo {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stops: Stops;
  readonly version: string;
  readonly loadFactories: () => Promise<Factories>;
}

/** Ends a command with exit code 1 and `Error: message` on stderr; anything else thrown is a fault and shows its stack. */
export class CliError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "CliError";
  }
}
