import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type FileExporterConfig, fileExporterSchema } from "../../../exporters/file/config.js";
import { createFileWriter } from "../../../exporters/file/file-writer.js";
import { file } from "../../../exporters/file/index.js";
import { prune, rotatedName } from "../../../exporters/file/rotation.js";
import { decodePprof } from "../../../src/codec/pprof-decode.js";
import { background } from "../../../src/component/context.js";
import { PipelineError } from "../../../src/component/errors.js";
import type { Exporter } from "../../../src/component/factory.js";
import { decode, hasZstd } from "../../../src/net/compression.js";
import { keyValue, stringValue } from "../../../src/pdata/any-value.js";
import { Profiles } from "../../../src/pdata/profiles.js";
import { jsonToProto } from "../../../src/proto/otlp-json.js";
import { nopLogger } from "../../../src/telemetry/log.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { host } from "../../contract/components.js";
import { profilesOf, totalsOf } from "../../support/pprof-cases.js";
import { decodePprof as meaningOf, pprofMeaning } from "../../support/pprof-oracle.js";
import { allRecorded, recorded } from "../../support/recorded.js";

const folder = mkdtempSync(join(tmpdir(), "flamepipe-file-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const fresh = () => join(folder, String(count++));

function create(change: object): Exporter {
  const config = fileExporterSchema.parse(change);
  const metrics = createMetrics();
  const settings = {
    id: "file",
    kind: "exporter",
    log: nopLogger,
    metrics,
    build: { name: "f", version: "0" },
  } as const;
  return file.create(settings, config);
}

async function writeAll(change: object, batches: readonly Profiles[]): Promise<void> {
  const exporter = create(change);
  await exporter.start(host);
  for (const batch of batches) await exporter.consume(batch, background);
  await exporter.shutdown();
}

function problems(change: object): string[] {
  return fileExporterSchema.safeParse(change).error?.issues.map(({ message }) => message) ?? [];
}

/** Records behind their lengths. */
function framed(path: string): Buffer[] {
  const bytes = readFileSync(path);
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    records.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return records;
}

describe("file exporter", () => {
  it("writes a line of OTLP JSON per batch", async () => {
    const path = fresh();
    await writeAll({ path }, allRecorded());
    const lines = readFileSync(path, "utf8").split("\n");
    assert.equal(lines.pop(), "");
    assert.deepEqual(
      lines.map((line) => Profiles.parse(jsonToProto(Buffer.from(line))).sampleCount),
      allRecorded().map((batch) => batch.sampleCount),
    );
  });

  it("writes protobuf behind its length, byte for byte as it came", async () => {
    const path = fresh();
    await writeAll({ path, format: "proto" }, allRecorded());
    assert.deepEqual(
      framed(path),
      allRecorded().map((batch) => Buffer.concat(batch.encode())),
    );
  });

  it("compresses each batch for itself", { skip: hasZstd ? false : "this Node has no zstd" }, async () => {
    const path = fresh();
    await writeAll({ path, compression: "zstd" }, allRecorded().slice(0, 2));
    const lines = await Promise.all(framed(path).map((record) => decode("zstd", record, 1e8)));
    assert.deepEqual(
      lines.map((line) => Profiles.parse(jsonToProto(line)).sampleCount),
      allRecorded()
        .slice(0, 2)
        .map((batch) => batch.sampleCount),
    );
  });

  it("writes a pprof per capture that means what came in", async () => {
    const path = fresh();
    const bytes = readFileSync("test/fixtures/wire/net-http-pprof/heap.pb.gz");
    const batch = decodePprof(bytes, [keyValue("service.name", stringValue("shop/../orders"))]);
    await writeAll({ path, format: "pprof", create_directory: true }, [batch]);
    const [name, ...others] = readdirSync(path);
    assert.deepEqual(others, []);
    assert.match(name, /^shop_.._orders-memory-20\d\d-.*\.pb\.gz$/);
    const written = readFileSync(join(path, name));
    assert.deepEqual(pprofMeaning(written).totals, pprofMeaning(bytes).totals);
    assert.equal(meaningOf(written).sample.length, meaningOf(bytes).sample.length);
    const again = decodePprof(written, []);
    assert.deepEqual(totalsOf(profilesOf(again)), totalsOf(profilesOf(decodePprof(bytes, []))));
  });

  it("empties a file, or adds to it", async () => {
    const path = fresh();
    writeFileSync(path, "before\n");
    await writeAll({ path, append: true }, [recorded()]);
    assert.equal(readFileSync(path, "utf8").split("\n").length, 3);
    await writeAll({ path }, [recorded()]);
    assert.equal(readFileSync(path, "utf8").split("\n").length, 2);
  });

  it("makes directories only where told to", async () => {
    const path = join(fresh(), "a", "b.jsonl");
    await assert.rejects(create({ path }).start(host), { code: "ENOENT" });
    await writeAll({ path, create_directory: true, directory_permissions: "0700" }, [recorded()]);
    assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
  });

  it("tells the sender of a full disk that it may try again, and goes on", {
    skip: !existsSync("/dev/full"),
  }, async () => {
    const exporter = create({ path: "/dev/full" });
    await exporter.start(host);
    for (let i = 0; i < 2; i++) {
      await assert.rejects(exporter.consume(recorded(), background), (error) => {
        assert.ok(error instanceof PipelineError);
        assert.deepEqual([error.kind, error.reason], ["retryable", "disk_full"]);
        return true;
      });
    }
    await exporter.shutdown();
  });

  it("refuses after its shutdown", async () => {
    const exporter = create({ path: fresh() });
    await exporter.start(host);
    await exporter.shutdown();
    await assert.rejects(exporter.consume(recorded(), background), { kind: "retryable" });
  });

  it("says what is wrong with its configuration", () => {
    assert.deepEqual(problems({}), ["path must be non-empty"]);
    assert.deepEqual(problems({ path: "x", format: "xml" }), ["format type is not supported"]);
    assert.deepEqual(problems({ path: "x", compression: "gzip" }), ["compression is not supported"]);
    assert.deepEqual(problems({ path: "x", append: true, rotation: {} }), [
      "append and rotation enabled at the same time is not supported",
    ]);
    assert.deepEqual(problems({ path: "x", directory_permissions: "0755" }), [
      "directory_permissions requires create_directory to be true",
    ]);
    assert.deepEqual(problems({ path: "x", flush_interval: "-1s" }), ["flush_interval must be larger than zero"]);
  });
});

describe("rotation", () => {
  const time = Date.UTC(2026, 10, 23, 10, 0, 0, 5);

  let elapsedMs = 0;

  function writer(change: Partial<FileExporterConfig["rotation"] & object>) {
    const path = join(fresh(), "out.jsonl");
    const input = { path, create_directory: true, rotation: { max_megabytes: 1, ...change } };
    return { path, writer: createFileWriter(fileExporterSchema.parse(input), nopLogger, () => time + elapsedMs) };
  }

  it("begins a new file before one becomes too large; records stay whole, names don't collide", async () => {
    const { path, writer: w } = writer({});
    await w.open();
    const record = Buffer.alloc(400 * 1024, "x");
    await Promise.all(Array.from({ length: 7 }, () => w.write([record])));
    await w.close();
    const names = readdirSync(join(path, "..")).sort();
    assert.deepEqual(names, [
      "out-2026-11-23T10-00-00.005-size.jsonl",
      "out-2026-11-23T10-00-00.006-size.jsonl",
      "out-2026-11-23T10-00-00.007-size.jsonl",
      "out.jsonl",
    ]);
    assert.deepEqual(
      names.map((name) => statSync(join(path, "..", name)).size / record.length),
      [2, 2, 2, 1],
    );
  });

  it("keeps so many, and deletes the oldest", async () => {
    const { path, writer: w } = writer({ max_backups: 1 });
    await w.open();
    for (let i = 0; i < 4; i++) {
      await w.write([Buffer.alloc(700 * 1024, "x")]);
      elapsedMs++;
    }
    await w.close();
    assert.deepEqual(readdirSync(join(path, "..")).sort(), ["out-2026-11-23T10-00-00.008-size.jsonl", "out.jsonl"]);
  });

  it("deletes what is too old, and nothing that isn't its own", async () => {
    const { path, writer: w } = writer({});
    await w.open();
    await w.close();
    const old = rotatedName(path, time, false);
    const other = join(path, "..", "out-notes.jsonl");
    writeFileSync(old, "");
    writeFileSync(other, "");
    const limits = { maxDays: 2, maxBackups: 0, localtime: false };
    assert.equal(await prune(path, statSync(old).mtimeMs + 86_400_000, limits), 0);
    assert.equal(await prune(path, statSync(old).mtimeMs + 3 * 86_400_000, limits), 1);
    assert.deepEqual([existsSync(old), existsSync(other)], [false, true]);
  });
});
