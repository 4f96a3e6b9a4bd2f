import { z } from "zod";
import { duration } from "../../src/component/schema.js";
import { hasZstd } from "../../src/net/compression.js";

const atLeastZero = (key: string) => z.int().refine((value) => value >= 0, `${key} must not be negative`);

const rotationSchema = z
  .strictObject({
    max_megabytes: atLeastZero("max_megabytes")
      .default(100)
      .describe("A file that would become larger is rotated; 0 = 100."),
    max_days: atLeastZero("max_days")
      .default(0)
      .describe("Rotated files that are older are deleted; 0 = none is too old."),
    max_backups: atLeastZero("max_backups").default(100).describe("Rotated files that are kept; 0 = all."),
    localtime: z.boolean().default(false).describe("Names and ages by local time instead of UTC."),
  })
  .optional()
  .describe("Starts a new file when one is full; `{}` turns it on with the defaults.");

export const fileExporterSchema = z
  .strictObject({
    path: z.string().default("").describe("The file; with `format: pprof` the directory. Required."),
    format: z
      .string()
      .refine((value) => ["json", "proto", "pprof"].includes(value), "format type is not supported")
      .default("json")
      .describe(
        "json = a line of OTLP JSON per batch; proto = OTLP, each batch behind its length (4 bytes, big-endian); pprof = a file per profile.",
      ),
    append: z.boolean().default(false).describe("Add to an existing file instead of emptying it."),
    compression: z
      .string()
      .refine((value) => value === "" || value === "zstd", "compression is not supported")
      .refine((value) => value !== "zstd" || hasZstd, "zstd needs Node 22.15 or later")
      .default("")
      .describe("zstd = each batch for itself, behind its length; empty = none. pprof files are gzipped always."),
    compression_params: z
      .strictObject({ level: z.int().min(0).max(22).default(0).describe("0 = the default of zstd.") })
      .prefault({})
      .describe("Parameters of the compression."),
    flush_interval: duration("1s")
      .refine((ms) => ms >= 0, "flush_interval must be larger than zero")
      .describe("Accepted for compatibility; each batch is written before its sender is answered."),
    create_directory: z.boolean().default(false).describe("Make the directory where it is missing."),
    directory_permissions: z
      .string()
      .regex(/^0?[0-7]{3}$/, "directory_permissions value must be valid octal representation")
      .optional()
      .meta({ default: "0755" })
      .describe("Of directories that are made, in octal."),
    rotation: rotationSchema,
  })
  .superRefine((config, ctx) => {
    const refuse = (key: string, message: string) => ctx.addIssue({ code: "custom", path: [key], message });
    if (config.path === "") refuse("path", "path must be non-empty");
    if (config.append && config.rotation) {
      refuse("append", "append and rotation enabled at the same time is not supported");
    }
    if (config.directory_permissions !== undefined && !config.create_directory) {
      refuse("directory_permissions", "directory_permissions requires create_directory to be true");
    }
    if (config.format === "pprof" && config.compression !== "") refuse("compression", "pprof files are gzipped always");
  });

export type FileExporterConfig = z.output<typeof fileExporterSchema>;
