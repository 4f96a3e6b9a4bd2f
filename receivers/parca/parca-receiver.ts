import { TooLargeError } from "../../src/codec/invalid.js";
import { PprofBatch, SeriesAttributes } from "../../src/codec/pprof-batch.js";
import { nameAttribute } from "../../src/codec/profile-kinds.js";
import type { Consumer } from "../../src/component/consumer.js";
import type { Context } from "../../src/component/context.js";
import { badInput, Code, PipelineError } from "../../src/component/errors.js";
import type { Receiver, Settings } from "../../src/component/factory.js";
import { createByteBudget } from "../../src/net/byte-budget.js";
import { createGrpcServer } from "../../src/net/grpc-server.js";
import { type KeyValue, keyValue, stringValue } from "../../src/pdata/any-value.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import type { ParcaReceiverConfig } from "./config.js";
import { decodeWriteRaw, type RawSeries } from "./write-raw.js";

const store = "/parca.profilestore.v1alpha1.ProfileStoreService";
const debugInfo = "/parca.debuginfo.v1alpha1.DebuginfoService";
const arrowMessage =
  "Arrow records are not taken here: send OTLP to an otlp receiver (parca-agent newer than 0.49: --remote-store-format=otlp), or use WriteRaw";
/** ShouldInitiateUploadResponse { reason 2 }, its first field false. */
const noUpload = Buffer.concat([Buffer.from([0x12, 29]), Buffer.from("debug information isn't taken")]);
const shutdownGraceMs = 5000;
const empty = Buffer.alloc(0);

/** A receiver that says on which port it listens, once started. */
export interface ParcaReceiver extends Receiver {
  readonly port: number;
}

export function createParcaReceiver(settings: Settings, config: ParcaReceiverConfig, next: Consumer): ParcaReceiver {
  const server = createGrpcServer(config, settings);
  const budget = createByteBudget(config.max_in_flight_bytes);
  const maxBytes = (config.max_recv_msg_size_mib || 64) * 1024 * 1024;
  const scope = { name: `${settings.build.name}/receivers/parca`, version: settings.build.version };
  let port = 0;

  // Not async: a frame that waits would keep the bytes alive.
  server.addUnary(`${store}/WriteRaw`, (body: Buffer, ctx: Context) => write(body, ctx), budget);
  server.addUnimplemented(`${store}/Write`, arrowMessage);
  server.addUnimplemented(`${store}/WriteArrow`, arrowMessage);
  server.addUnary(`${debugInfo}/ShouldInitiateUpload`, async () => noUpload);

  function write(body: Buffer, ctx: Context): Promise<Buffer> {
    return batchOf(body).handOn((profiles) => consume(profiles, ctx));
  }

  function consume(profiles: Profiles, ctx: Context): Promise<Buffer> {
    if (profiles.sampleCount === 0) return Promise.resolve(empty);
    return next.consume(profiles, ctx).then(
      () => empty,
      (error) => {
        // The protocol has no partial success, and what was taken must not come again.
        if (error instanceof PipelineError && error.kind === "partial") return empty;
        throw error;
      },
    );
  }

  function batchOf(body: Buffer): PprofBatch {
    const batch = new PprofBatch(maxBytes, scope);
    try {
      for (const [i, series] of decodeWriteRaw(body).entries()) addSeries(batch, series, i);
    } catch (error) {
      throw inputError(error);
    }
    return batch;
  }

  function addSeries(batch: PprofBatch, { labels, profiles }: RawSeries, index: number): void {
    const attributes = nameAttributes(labels.get("__name__") ?? "");
    const into = batch.series(new SeriesAttributes(resourceAttributes(labels), attributes));
    for (const [i, profile] of profiles.entries()) {
      try {
        batch.addPprof(into, profile);
      } catch (error) {
        if (error instanceof TooLargeError) throw new TooLargeError(`series ${index}, sample ${i}: ${error.message}`);
        if (!(error instanceof InvalidProfilesError)) throw error;
        throw new InvalidProfilesError(`series ${index}, sample ${i}: ${error.message}`);
      }
    }
  }

  return {
    get port() {
      return port;
    },
    async start() {
      port = await server.start();
      settings.log.info("Listening", { protocol: "grpc", port });
    },
    shutdown: () => server.shutdown(shutdownGraceMs),
  };
}

function inputError(error: unknown): unknown {
  if (!(error instanceof InvalidProfilesError)) return error;
  if (!(error instanceof TooLargeError)) return badInput(error.message, { cause: error });
  return badInput(error.message, { code: Code.RESOURCE_EXHAUSTED, httpStatus: 413, reason: "too_large", cause: error });
}

/** Labels without `__` in front; service_name is service.name. */
function resourceAttributes(labels: ReadonlyMap<string, string>): KeyValue[] {
  return [...labels]
    .filter(([name, value]) => !name.startsWith("__") && value !== "")
    .map(([name, value]) => keyValue(name === "service_name" ? "service.name" : name, stringValue(value)));
}

/** The profile's name, unless it only says who took it. */
function nameAttributes(name: string): KeyValue[] {
  return name === "" || name.startsWith("parca_agent") ? [] : [keyValue(nameAttribute, stringValue(name))];
}
