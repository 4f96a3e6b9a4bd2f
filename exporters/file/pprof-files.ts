import { mkdir, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Capture, groupCaptures } from "../../src/codec/capture.js";
import { PprofEncoder, type PprofInput } from "../../src/codec/pprof-encode.js";
import { profileName } from "../../src/codec/profile-kinds.js";
import { findAttribute } from "../../src/pdata/any-value.js";
import type { Profile, Profiles, ResourceProfiles } from "../../src/pdata/profiles.js";
import type { FileExporterConfig } from "./config.js";
import { refused } from "./file-writer.js";
import { prunePprof } from "./rotation.js";

/** Writes a gzipped pprof per capture of a batch into a directory. */
export interface PprofFiles {
  open(): Promise<void>;
  /** All files of a batch, or none. */
  write(profiles: Profiles): Promise<void>;
}

const keepAll = { keys: "all", integers: "number", exact: true } as const;
const maxNameChars = 80;

export function createPprofFiles(config: FileExporterConfig, nowMs: () => number = Date.now): PprofFiles {
  const dir = config.path;
  let sequence = 0;

  async function save(name: string, bytes: Buffer): Promise<string> {
    const path = join(dir, name);
    const unfinished = join(dir, `.${name}.part`);
    try {
      await writeFile(unfinished, bytes);
      await rename(unfinished, path);
    } catch (error) {
      await unlink(unfinished).catch(() => {});
      throw error;
    }
    return path;
  }

  return {
    async open() {
      if (!config.create_directory) return;
      await mkdir(dir, { recursive: true, mode: Number.parseInt(config.directory_permissions ?? "755", 8) });
    },
    async write(profiles) {
      const encoder = new PprofEncoder(profiles.dictionary, { labels: keepAll, namedFrames: "none" });
      const written: string[] = [];
      try {
        for (const { resource, name, input } of inputsOf(profiles)) {
          for (const { bytes } of encoder.encode(input, { maxSamples: 0, maxBytes: 0 })) {
            const file = fileName(resource, name, input.timeUnixNano, nowMs(), sequence++);
            written.push(await save(file, gzipSync(bytes, { level: 6 })));
          }
        }
      } catch (error) {
        // The whole batch will come again.
        for (const path of written) await unlink(path).catch(() => {});
        throw refused(error);
      }
      if (config.rotation) {
        const { max_days, max_backups, localtime } = config.rotation;
        await prunePprof(dir, nowMs(), { maxDays: max_days, maxBackups: max_backups, localtime }).catch(() => 0);
      }
    },
  };
}

interface NamedInput {
  readonly resource: ResourceProfiles;
  readonly name: string;
  readonly input: PprofInput;
}

function* inputsOf(profiles: Profiles): Generator<NamedInput> {
  for (const resource of profiles.resources) {
    for (const scope of resource.scopes) {
      for (const capture of groupCaptures(scope.profiles)) yield* inputsOfCapture(resource, capture);
    }
  }
}

/** Profiles of a capture share a pprof where their periods are equal. */
function* inputsOfCapture(resource: ResourceProfiles, capture: Capture): Generator<NamedInput> {
  const groups = new Map<string, Profile[]>();
  for (const profile of capture.profiles) {
    const { type, unit } = profile.periodType;
    const key = `${type} ${unit} ${profile.period}`;
    const group = groups.get(key);
    if (group) group.push(profile);
    else groups.set(key, [profile]);
  }
  for (const [first, ...others] of groups.values()) {
    const columns = [first, ...others].map((profile) => ({ profile, type: profile.sampleType, scale: 1n }));
    const { periodType, period, timeUnixNano, durationNano } = first;
    const name = profileName(first.sampleType, periodType, first.attributes);
    yield { resource, name, input: { columns, periodType, period, timeUnixNano, durationNano } };
  }
}

/** service-profile-time-number.pb.gz, in characters that every file system takes. */
function fileName(resource: ResourceProfiles, name: string, nano: bigint, nowMs: number, sequence: number): string {
  const service = findAttribute(resource.attributes, "service.name")?.value;
  const plain = (text: string) =>
    text
      .replaceAll(/[^\w.-]+/g, "_")
      .replace(/^[.-]+/, "")
      .slice(0, maxNameChars);
  const atMs = nano > 0n ? Number(nano / 1_000_000n) : nowMs;
  const time = new Date(Math.min(atMs, 8.64e15)).toISOString().replaceAll(":", "-").replace("+", "");
  const who = plain(service?.type === "string" ? service.value : "") || "unknown";
  return `${who}-${plain(name) || "profile"}-${time}-${nowMs.toString(36)}${String(sequence).padStart(6, "0")}.pb.gz`;
}
