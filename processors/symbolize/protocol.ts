import type { FrameColumns } from "../../src/symbols/frame-columns.js";
import type { MappedRange, Segment } from "../../src/symbols/segments.js";

/** Which binary is meant, and where it may be found. */
export interface Target {
  /** The same text means the same binary. */
  readonly key: string;
  /** Build ids that the mapping has; "" where it has none. */
  readonly gnu: string;
  readonly go: string;
  readonly htlhash: string;
  /** The file's name or path as the mapping has it. */
  readonly file: string;
  /** Path of the program that the process runs; "" where it is not known. */
  readonly executable: string;
  /** Processes of this host that have the file mapped. */
  readonly pids: readonly number[];
  /** Where no build id is known: when the one process began, which has to be the one that still has the id. */
  readonly startTicks: string;
}

/** Most addresses of one request. */
export const maxAddresses = 4096;

export interface Request {
  readonly id: number;
  readonly target: Target;
  /** As the frames have them. */
  readonly addresses: readonly number[];
  readonly range: MappedRange;
}

export interface Found {
  readonly outcome: "found";
  /** The same text means the same content, whatever it was found by. */
  readonly identity: string;
  readonly segments: readonly Segment[];
  /** True if a file with its symbols, put somewhere later, would give it more names. */
  readonly isStripped: boolean;
  /** The functions at each of the addresses; none where the binary has no name for it. */
  readonly columns: FrameColumns;
}

/** not_found: no such file here; invalid: it is no binary that can be read. */
export interface NotFound {
  readonly outcome: "not_found" | "invalid";
  readonly reason: string;
}

export type Answer = Found | NotFound;
export type Reply = Answer & { readonly id: number };
export type FromWorker = Reply | { readonly ready: true };

/** What the process that reads binaries is told when it is made. */
export interface WorkerOptions {
  readonly proc: string;
  readonly debugDirs: readonly string[];
  readonly systemDirs: readonly string[];
  readonly uploadDir: string;
  readonly demangle: "full" | "simple" | "none";
  /** Largest table that is read of a binary, and the tables that are kept. */
  readonly maxTableBytes: number;
  readonly maxKeptBytes: number;
  /** How long a binary without symbols is taken for all that there is of it. */
  readonly strippedTtlMs: number;
}
