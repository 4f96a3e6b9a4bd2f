import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { type PyroscopeReceiver, pyroscope } from "../../../receivers/pyroscope/index.js";
import type { Consumer } from "../../../src/component/consumer.js";
import type { KeyValue } from "../../../src/pdata/any-value.js";
import type { Profiles } from "../../../src/pdata/profiles.js";
import { bytesField } from "../../../src/proto/small-wire.js";
import { nopLogger } from "../../../src/telemetry/log.js";
import { createMetrics, type Metrics } from "../../../src/telemetry/metrics.js";
import { host } from "../../contract/components.js";

/** Starts a receiver on a port of the system's choice, and stops it when the test ends. */
export async function startReceiver(
  t: { after(stop: () => Promise<void>): void },
  next: Consumer,
  config: object = {},
  metrics: Metrics = createMetrics(),
): Promise<PyroscopeReceiver> {
  const settings = {
    id: "pyroscope",
    kind: "receiver" as const,
    log: nopLogger,
    metrics,
    build: { name: "flamepipe", version: "0.0.0" },
  };
  const parsed = pyroscope.schema.parse({ endpoint: "127.0.0.1:0", ...config });
  const receiver = pyroscope.create(settings, parsed, next) as PyroscopeReceiver;
  await receiver.start(host);
  t.after(() => receiver.shutdown());
  return receiver;
}

/** A pprof with samples and cpu, gzip, as net/http/pprof gave it. */
export const cpuPprof: Buffer = readFileSync("test/fixtures/wire/net-http-pprof/profile-acceptgzip-2s.pb.gz");
export const pushHeaders = { "content-type": "application/proto" };
export const pushPath = "/push.v1.PusherService/Push";

export interface SeriesInput {
  readonly labels: Readonly<Record<string, string>>;
  readonly profiles: readonly Buffer[];
}

/** A PushRequest. */
export function pushRequest(...series: SeriesInput[]): Buffer {
  return Buffer.concat(
    series.map(({ labels, profiles }) => {
      const pairs = Object.entries(labels).map(([name, value]) =>
        bytesField(1, Buffer.concat([bytesField(1, Buffer.from(name)), bytesField(2, Buffer.from(value))])),
      );
      return bytesField(1, Buffer.concat([...pairs, ...profiles.map((one) => bytesField(2, bytesField(1, one)))]));
    }),
  );
}

export const cpuLabels = { __name__: "process_cpu", service_name: "orders" };
export const cpuPush: Buffer = pushRequest({ labels: cpuLabels, profiles: [cpuPprof] });

export interface FormField {
  readonly name: string;
  readonly content: Buffer | string;
}

export const formHeaders = { "content-type": 'multipart/form-data; boundary="a b"' };

export function form(...fields: FormField[]): Buffer {
  const parts = fields.flatMap(({ name, content }) => [
    Buffer.from(`--a b\r\nContent-Disposition: form-data; name="${name}"; filename="f"\r\n\r\n`),
    Buffer.from(content as string),
    Buffer.from("\r\n"),
  ]);
  return Buffer.concat([...parts, Buffer.from("--a b--\r\n")]);
}

export function gzip(text: string | Buffer): Buffer {
  return gzipSync(text);
}

const texts = (attributes: readonly KeyValue[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, String(value.value)]));

/** Each profile of a batch in short: its labels, name, types, and the sum of its values. */
export function summary(profiles: Profiles) {
  return profiles.resources.flatMap((resource) =>
    resource.scopes.flatMap(({ profiles: each }) =>
      each.map((profile) => ({
        resource: texts(resource.attributes),
        name: texts(profile.attributes)["pyroscope.name"],
        capture: texts(profile.attributes)["pprof.capture.id"],
        type: `${profile.sampleType.type}/${profile.sampleType.unit}`,
        period: `${profile.periodType.type}/${profile.periodType.unit} ${profile.period}`,
        timeUnixNano: profile.timeUnixNano,
        durationNano: profile.durationNano,
        total: Array.from(profile.columns().values, BigInt).reduce((sum, value) => sum + value, 0n),
      })),
    ),
  );
}
