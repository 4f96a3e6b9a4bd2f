import { z } from "zod";
import { duration } from "../../src/component/schema.js";

const systemDirs = [
  "/usr/lib",
  "/usr/lib64",
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/local/lib",
  "/usr/bin",
  "/usr/local/bin",
];

export const symbolizeSchema = z.strictObject({
  sources: z
    .strictObject({
      proc: z
        .string()
        .default("/proc")
        .describe("Where processes of this host are found (their files are read below PID/root); empty = nowhere."),
      debug_dirs: z
        .array(z.string())
        .default(["/usr/lib/debug"])
        .describe("Directories with separate debug files: .build-id/xx/….debug, or named by .gnu_debuglink."),
      system_dirs: z
        .array(z.string())
        .default(systemDirs)
        .describe("Directories where a program or library is looked for by its name when its process is gone."),
      upload_dir: z
        .string()
        .default("")
        .describe("Folder with binaries and debug files of any name, found by their build ids; empty = none."),
    })
    .prefault({})
    .describe("Where binaries are looked for."),
  without_build_id: z
    .boolean()
    .default(false)
    .describe("Also names frames whose mapping has no build id, by process.pid: only for profiles of this host."),
  demangle: z
    .enum(["full", "simple", "none"])
    .default("full")
    .describe("Names of C++ and Rust: with parameters, without them, or as they are in the file."),
  timeout: duration("250ms").describe("How long a batch waits for names; what comes later is there for the next one."),
  cache_mib: z.int().min(1).max(4096).default(64).describe("Names that are remembered, in MiB."),
  negative_ttl: duration("1m").describe("How long a binary that was not found is not looked for again."),
  worker: z
    .strictObject({
      memory_limit_mib: z
        .int()
        .min(96)
        .max(16_384)
        .default(384)
        .describe("Memory of the process that reads binaries; it is ended when it needs more."),
      parse_timeout: duration("10s").describe(
        "Longest that one request to that process may take, but for waiting for a CPU; then it is ended.",
      ),
    })
    .prefault({})
    .describe("The process that reads binaries."),
});

export type SymbolizeConfig = z.output<typeof symbolizeSchema>;
