import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, describe, it } from "node:test";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { parcaReceiverSchema } from "../../../receivers/parca/config.js";
import { createParcaReceiver, type ParcaReceiver } from "../../../receivers/parca/parca-receiver.js";
import { permanent, retryable } from "../../../src/component/errors.js";
import { findAttribute } from "../../../src/pdata/any-value.js";
import { loadProto } from "../../../src/proto/load.js";
import { nopLogger } from "../../../src/telemetry/log.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { host } from "../../contract/components.js";
import { type LogLine, recordingLog } from "../../delivery/support.js";
import { createSink, type SinkOptions } from "../../support/consumers.js";
import { profilesOf, totalsOf } from "../../support/pprof-cases.js";

const service = "/parca.profilestore.v1alpha1.ProfileStoreService";
const type = loadProto("parca.proto").lookupType("parca.profilestore.v1alpha1.WriteRawRequest");
const pprof = (name: string) => readFileSync(`test/fixtures/wire/net-http-pprof/${name}.pb.gz`);

interface Recording {
  readonly file: string;
  readonly profiles: readonly {
    readonly series_labels: Readonly<Record<string, string>>;
    readonly sample_types: readonly { type: string; unit: string; total: number }[];
    readonly time_nanos: string;
    readonly duration_nanos: string;
  }[];
}

const manifest: Recording[] = JSON.parse(readFileSync("test/fixtures/wire/manifest.json", "utf8"));

interface Series {
  labels: Record<string, string>;
  profiles: Buffer[];
}

function request(...series: Series[]): Buffer {
  const message = {
    tenant: "old",
    normalized: true,
    series: series.map(({ labels, profiles }) => ({
      labels: { labels: Object.entries(labels).map(([name, value]) => ({ name, value })) },
      samples: profiles.map((raw_profile) => ({
        raw_profile,
        executable_info: [{ elf_type: 2, load_segment: { offset: 4096, vaddr: 4096 } }],
      })),
    })),
  };
  return Buffer.from(type.encode(type.fromObject(message)).finish());
}

let receiver: ParcaReceiver | undefined;
let client: Client | undefined;
afterEach(async () => {
  client?.close();
  await receiver?.shutdown();
});

async function run(change: object = {}, options: SinkOptions = {}, log = nopLogger) {
  const sink = createSink(options);
  const build = { name: "flamepipe", version: "1" };
  const settings = { id: "parca", kind: "receiver", log, metrics: createMetrics(), build } as const;
  receiver = createParcaReceiver(settings, parcaReceiverSchema.parse({ endpoint: "127.0.0.1:0", ...change }), sink);
  await receiver.start(host);
  client = new Client(`127.0.0.1:${receiver.port}`, credentials.createInsecure());
  return sink;
}

const identity = (bytes: Buffer) => bytes;

function call(method: string, body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client?.makeUnaryRequest(method, identity, identity, body, (error, reply) =>
      error ? reject(error) : resolve(reply as Buffer),
    );
  });
}

const writeRaw = (...series: Series[]) => call(`${service}/WriteRaw`, request(...series));

describe("parca receiver", () => {
  it("takes the pprofs of every series, with exact totals and labels", async () => {
    const sink = await run();
    const reply = await writeRaw(
      {
        labels: { __name__: "mutex", service_name: "shop/orders", node: "a", __meta_x: "y" },
        profiles: [pprof("mutex-1"), pprof("mutex-2")],
      },
      { labels: { __name__: "parca_agent", comm: "orders" }, profiles: [pprof("profile-5s")] },
    );
    assert.equal(reply.length, 0);
    const [{ profiles, ctx }] = sink.taken;
    assert.deepEqual(
      profiles.resources.map(({ attributes }) => attributes.map(({ key, value }) => [key, value.value])),
      [
        [
          ["service.name", "shop/orders"],
          ["node", "a"],
        ],
        [["comm", "orders"]],
      ],
    );
    assert.deepEqual(totalsOf(profilesOf(profiles)), {
      "contentions/count": 50n,
      "delay/nanoseconds": 75_697_535n,
      "contentions/count#2": 50n,
      "delay/nanoseconds#2": 75_697_535n,
      "samples/count": 137n,
      "cpu/nanoseconds": 1_370_000_000n,
    });
    assert.deepEqual(
      profilesOf(profiles).map(({ attributes }) => findAttribute(attributes, "pyroscope.name")?.value.value),
      ["mutex", "mutex", "mutex", "mutex", undefined, undefined],
    );
    assert.equal(ctx.client?.transport, "grpc");
  });

  it("takes what a Parca that scrapes for others writes, with google/pprof's totals", async () => {
    const recordings = manifest.filter(({ file }) => file.startsWith("parca/"));
    assert.equal(recordings.length, 5);
    for (const {
      file,
      profiles: [expected],
    } of recordings) {
      const sink = await run();
      await call(`${service}/WriteRaw`, readFileSync(`test/fixtures/wire/${file}`));
      const [{ profiles }] = sink.taken;
      const { __name__, service_name, ...labels } = expected.series_labels;
      assert.deepEqual(
        Object.fromEntries(profiles.resources[0].attributes.map(({ key, value }) => [key, value.value])),
        { "service.name": service_name, ...labels },
      );
      const inside = profilesOf(profiles);
      assert.deepEqual(
        totalsOf(inside),
        Object.fromEntries(
          expected.sample_types.map(({ type: name, unit, total }) => [`${name}/${unit}`, BigInt(total)]),
        ),
      );
      assert.deepEqual(
        inside.map(({ attributes, timeUnixNano, durationNano }) => [
          findAttribute(attributes, "pyroscope.name")?.value.value,
          String(timeUnixNano),
          String(durationNano),
        ]),
        expected.sample_types.map(() => [__name__, expected.time_nanos, expected.duration_nanos]),
      );
      client?.close();
      await receiver?.shutdown();
    }
  });

  it("hands pprofs on as they came until somebody looks inside, with the receiver's scope around them then", async () => {
    const sink = await run();
    const bytes = pprof("mutex-1");
    await writeRaw({ labels: { __name__: "mutex", node: "a" }, profiles: [bytes, pprof("profile-5s")] });
    const [{ profiles }] = sink.taken;
    assert.ok(profiles.isSealed);
    const [{ payloads = [] }] = profiles.resources;
    assert.deepEqual(
      payloads.map((payload) => payload.bytes.equals(bytes)),
      [true, false],
    );
    const [{ scopes }] = profiles.resources;
    assert.deepEqual(
      scopes.map(({ name, version, profiles: inside }) => [name, version, inside.length]),
      [["flamepipe/receivers/parca", "1", 4]],
    );
  });

  it("refuses a request as a whole, and says what is wrong with it", async () => {
    const sink = await run();
    const good = { labels: { a: "b" }, profiles: [pprof("goroutine")] };
    await assert.rejects(writeRaw(good, { labels: {}, profiles: [pprof("goroutine"), Buffer.from("<html>")] }), {
      code: 3,
      details: /^series 1, sample 1: pprof: .*HTML/,
    });
    await assert.rejects(writeRaw({ labels: {}, profiles: [Buffer.alloc(0)] }), { code: 3 });
    await assert.rejects(call(`${service}/WriteRaw`, Buffer.from("nonsense")), { code: 3 });
    // Field 2, a series, as a varint.
    await assert.rejects(call(`${service}/WriteRaw`, Buffer.from([0x10, 1])), { code: 3 });
    // A label that is not UTF-8.
    const bad = request({ labels: { name: "QQQ" }, profiles: [] });
    bad[bad.indexOf("QQQ")] = 0xff;
    await assert.rejects(call(`${service}/WriteRaw`, bad), { code: 3, details: /UTF-8/ });
    assert.deepEqual(sink.taken, []);
  });

  it("refuses every prefix of a request that is none, and takes the others", async () => {
    const sink = await run();
    const whole = request({ labels: { a: "b" }, profiles: [pprof("threadcreate")] });
    let taken = 0;
    for (let end = 0; end < whole.length; end += 7) {
      const outcome = await call(`${service}/WriteRaw`, whole.subarray(0, end)).then(
        () => "taken",
        (error: ServiceError) => error.code,
      );
      if (outcome === "taken") taken++;
      else assert.equal(outcome, 3, `prefix of ${end}`);
    }
    // The empty one, which has no series.
    assert.deepEqual([taken, sink.taken.length], [1, 0]);
  });

  it("bounds what the pprofs of a request decompress to, and what is in flight", async () => {
    const sink = await run({ max_recv_msg_size_mib: 1 });
    const { gzipSync } = await import("node:zlib");
    const large = gzipSync(
      Buffer.concat([Buffer.from([0x32, 0]), Buffer.alloc(700_000, Buffer.from([0x32, 2, 65, 66]))]),
    );
    await assert.rejects(writeRaw({ labels: {}, profiles: [large, large] }), {
      code: 8,
      details: /^series 0, sample 1/,
    });
    assert.deepEqual(sink.taken, []);
    await receiver?.shutdown();
    await run({ max_in_flight_bytes: 100 });
    await assert.rejects(writeRaw({ labels: {}, profiles: [pprof("goroutine")] }), (error: ServiceError) => {
      assert.equal(error.code, 8);
      assert.equal(error.metadata.get("grpc-status-details-bin").length, 1);
      return true;
    });
  });

  it("passes the pipeline's answer on", async () => {
    const answers = [retryable("full"), permanent("never")];
    await run({}, { before: () => Promise.reject(answers.shift()) });
    const series = { labels: {}, profiles: [pprof("goroutine")] };
    await assert.rejects(writeRaw(series), { code: 14, details: /full/ });
    await assert.rejects(writeRaw(series), { code: 13, details: /never/ });
  });

  it("says of the Arrow calls that OTLP is the way, before the stream ends, and logs the first of each", async () => {
    const lines: LogLine[] = [];
    await run({}, {}, recordingLog(lines));
    await assert.rejects(call(`${service}/WriteArrow`, Buffer.alloc(0)), { code: 12 });
    await assert.rejects(call(`${service}/WriteArrow`, Buffer.from([0x0a, 0])), {
      code: 12,
      details: /--remote-store-format=otlp/,
    });
    const stream = client?.makeBidiStreamRequest(`${service}/Write`, identity, identity);
    stream?.write(Buffer.from([0x0a, 0]));
    const error = await new Promise<ServiceError>((resolve) => {
      stream?.on("error", resolve).on("data", () => {});
    });
    assert.equal(error.code, 12);
    assert.match(error.details, /otlp receiver/);
    const refused = lines.filter(({ message }) => message === "Calls that are not served here are refused");
    assert.deepEqual(
      refused.map(({ fields }) => fields.path),
      [`${service}/WriteArrow`, `${service}/Write`],
    );
  });

  it("tells agents not to upload debug information", async () => {
    await run();
    const reply = await call("/parca.debuginfo.v1alpha1.DebuginfoService/ShouldInitiateUpload", Buffer.alloc(0));
    assert.equal(reply.subarray(2).toString(), "debug information isn't taken");
    assert.deepEqual([reply[0], reply[1]], [0x12, reply.length - 2]);
  });
});
