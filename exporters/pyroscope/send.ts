import type { Context } from "../../src/component/context.js";
import { PipelineError, toPipelineError } from "../../src/component/errors.js";
import type { Settings } from "../../src/component/factory.js";
import { encode as compress } from "../../src/net/compression.js";
import type { HttpClient } from "../../src/net/http-client.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { noAnswer, type Refusal, refusalOf } from "./answer.js";
import type { PyroscopeConfig } from "./config.js";
import { BatchEncoder, encodePush, otlpOptions, type SeriesProfile } from "./encode.js";
import { LabelEncoder } from "./label-encoder.js";
import { maxLabels, type SeriesLabels } from "./labels.js";
import { createPermits } from "./permits.js";
import { BatchProgress, type Push } from "./progress.js";

const path = "/push.v1.PusherService/Push";

/** A profile that Pyroscope answers with a fault of its own is given up after so many tries. */
const maxUnclearAnswers = 3;

type Headers = Readonly<Record<string, string>>;

export interface SenderOptions {
  readonly settings: Settings;
  readonly config: PyroscopeConfig;
  readonly client: HttpClient;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
}

/**
 * Sends a batch as one push per profile. A batch whose attempt failed in part is known by its object: the next call goes
 * on with what is missing.
 */
export function createSender(options: SenderOptions): (profiles: Profiles, ctx: Context) => Promise<void> {
  const { settings, config, client, nowMs } = options;
  const permits = createPermits(config.max_concurrency);
  const unfinished = new WeakMap<Profiles, BatchProgress>();
  const labels = new LabelEncoder(createLabelReport(settings));
  const onRefusals = createRefusalLog(settings);
  const otlp = otlpOptions(config.sample_labels, config.unnamed_frames === "name");
  const encodeOptions = { otlp, nowMs, labels };
  const authorization = authorizationOf(config);
  let headersOfTenant = { tenant: "", headers: headersOf(authorization, "") };

  async function send(profiles: Profiles, ctx: Context): Promise<void> {
    const progress = unfinished.get(profiles) ?? new BatchProgress(new BatchEncoder(profiles, encodeOptions));
    unfinished.set(profiles, progress);
    const before = progress.turn();
    if (before) await before;
    try {
      await attempt(progress, ctx);
    } finally {
      progress.endTurn();
    }
    const error = progress.unfinished();
    if (error) throw error;
    unfinished.delete(profiles);
    const outcome = progress.outcome();
    onRefusals(outcome);
    if (outcome) throw outcome;
  }

  function attempt(progress: BatchProgress, ctx: Context): Promise<unknown> {
    progress.beginAttempt();
    const headers = headersFor(ctx);
    const count = Math.min(progress.pending, config.max_concurrency);
    if (count === 1) return sendSome(progress, headers, ctx);
    return Promise.all(Array.from({ length: count }, () => sendSome(progress, headers, ctx)));
  }

  /** Sends as long as there is something to send. */
  async function sendSome(progress: BatchProgress, headers: Headers, ctx: Context): Promise<void> {
    while (hasMore(progress, ctx)) {
      const permit = permits.acquire();
      if (permit) await permit;
      try {
        const next = hasMore(progress, ctx) ? nextPush(progress) : undefined;
        const push = next instanceof Promise ? await next : next;
        if (push) await sendPush(progress, push, headers, ctx);
      } finally {
        permits.release();
      }
    }
  }

  function hasMore(progress: BatchProgress, { signal }: Context): boolean {
    return progress.pending > 0 && !progress.stopped && !signal?.aborted;
  }

  /** undefined where there is none, or the one that came next is lost. */
  function nextPush(progress: BatchProgress): Push | Promise<Push> | undefined {
    const push = progress.again.pop();
    if (push) return push;
    const profile = nextProfile(progress);
    if (!profile) return undefined;
    if (profile.tooLarge) {
      const message = "a single sample is past Pyroscope's limit of 4 MiB";
      progress.lose("too_large", profile.pprof.sampleCount, new PipelineError("permanent", message));
      return undefined;
    }
    return isTooOld(progress, profile.timeUnixNano, profile.pprof.sampleCount) ? undefined : pack(profile);
  }

  function nextProfile(progress: BatchProgress): SeriesProfile | undefined {
    while (progress.ready.length === 0 && progress.encoder.remaining > 0) {
      const { profiles, lost, cause } = progress.encoder.take();
      if (lost > 0) progress.lose("rejected", lost, toPipelineError(cause));
      progress.ready = profiles.reverse();
    }
    return progress.ready.pop();
  }

  function pack(profile: SeriesProfile): Push | Promise<Push> {
    const { bytes } = profile.pprof;
    if (profile.isCompressed || config.compression !== "gzip") return pushOf(profile, bytes);
    return compress("gzip", [bytes], config.compression_params.level).then(([gzip]) => pushOf(profile, gzip));
  }

  function isTooOld(progress: BatchProgress, timeUnixNano: bigint, samples: number): boolean {
    if (config.drop_older_than === 0) return false;
    const ageMs = nowMs() - Number(timeUnixNano / 1_000_000n);
    if (ageMs <= config.drop_older_than) return false;
    progress.lose("too_old", samples, new PipelineError("permanent", "the profile is older than drop_older_than"));
    return true;
  }

  async function sendPush(progress: BatchProgress, push: Push, headers: Headers, ctx: Context): Promise<void> {
    if (isTooOld(progress, push.timeUnixNano, push.samples)) return;
    let refusal: Refusal | undefined;
    try {
      const body = encodePush(push.labels, push.rawProfile);
      const request = { method: "POST", url: path, headers, body, signal: ctx.signal, timeoutMs: config.timeout };
      refusal = refusalOf(await client.request(request), nowMs());
    } catch (caught) {
      refusal = noAnswer(toPipelineError(caught));
    }
    if (!refusal) {
      progress.delivered += push.samples;
      return;
    }
    if (refusal.stop) progress.stopped = true;
    if (refusal.error.kind === "retryable") {
      if (!refusal.bounded || ++push.unclearAnswers < maxUnclearAnswers) return progress.fail(push, refusal.error);
    }
    progress.lose("rejected", push.samples, asPermanent(refusal.error));
    // Whatever is left would be refused for the same reason.
    if (refusal.stop) progress.giveUp(refusal.error);
  }

  /** One object as long as the tenant is the same. */
  function headersFor(ctx: Context): Headers {
    const tenant = tenantOf(config, ctx);
    if (headersOfTenant.tenant !== tenant) headersOfTenant = { tenant, headers: headersOf(authorization, tenant) };
    return headersOfTenant.headers;
  }

  return send;
}

function pushOf({ labels, pprof, timeUnixNano }: SeriesProfile, rawProfile: Buffer): Push {
  return { labels, rawProfile, samples: pprof.sampleCount, timeUnixNano, unclearAnswers: 0 };
}

function headersOf(authorization: string | undefined, tenant: string): Headers {
  const headers: Record<string, string> = { "content-type": "application/proto", "connect-protocol-version": "1" };
  if (authorization !== undefined) headers.authorization = authorization;
  if (tenant !== "") headers["x-scope-orgid"] = tenant;
  return headers;
}

function tenantOf({ tenant }: PyroscopeConfig, ctx: Context): string {
  if (!tenant) return "";
  const named = tenant.from_metadata === "" ? undefined : ctx.metadata.get(tenant.from_metadata.toLowerCase())?.[0];
  return named || tenant.value;
}

function authorizationOf({ basic_auth: basic, bearer_token: token }: PyroscopeConfig): string | undefined {
  if (token !== "") return `Bearer ${token}`;
  return basic && `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString("base64")}`;
}

function asPermanent(error: PipelineError): PipelineError {
  if (error.kind === "permanent") return error;
  const { code, httpStatus, message } = error;
  return new PipelineError("permanent", message, { code, httpStatus, reason: "rejected", cause: error });
}

/** Counts labels that could not be sent, and says so once. */
function createLabelReport(settings: Settings): (labels: SeriesLabels) => void {
  const counter = settings.metrics.counter(
    "flamepipe_pyroscope_dropped_labels_total",
    "Labels left out or cut because a series had more, or longer ones, than Pyroscope takes.",
    { component: settings.id },
  );
  let said = false;
  return ({ labels, dropped, cut }) => {
    counter.add(dropped.length + cut.length);
    if (said) return;
    said = true;
    const series = labels.find(([name]) => name === "service_name")?.[1];
    settings.log.warn("A series has more or longer labels than Pyroscope takes; the least telling are left out.", {
      service_name: series,
      limit: maxLabels,
      dropped,
      cut,
    });
  };
}

/** Says when Pyroscope begins to refuse profiles for a reason, and when it takes them all again. */
function createRefusalLog(settings: Settings): (outcome: PipelineError | undefined) => void {
  let refusing: string | undefined;
  return (outcome) => {
    const kind = outcome && `${outcome.kind} ${outcome.reason} ${outcome.code}`;
    if (kind === refusing) return;
    if (outcome?.reason === "too_old") {
      settings.log.warn("Profiles older than drop_older_than are dropped.", {
        dropped_samples: outcome.rejectedSamples,
      });
    } else if (outcome) {
      settings.log.warn("Pyroscope does not take some profiles.", {
        reason: outcome.reason,
        message: outcome.message,
        dropped_samples: outcome.kind === "partial" ? outcome.rejectedSamples : undefined,
      });
    } else settings.log.info("Pyroscope takes all profiles again.");
    refusing = kind;
  };
}
