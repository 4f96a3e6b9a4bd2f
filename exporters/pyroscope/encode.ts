import { type Capture, groupCaptures } from "../../src/codec/capture.js";
import { type Pprof, PprofEncoder, type PprofLimits, type PprofOptions } from "../../src/codec/pprof-encode.js";
import type { PprofPayload } from "../../src/codec/pprof-payload.js";
import type { Profiles, ResourceProfiles, ScopeProfiles } from "../../src/pdata/profiles.js";
import { varintSize, writeVarint } from "../../src/proto/wire.js";
import type { LabelEncoder } from "./label-encoder.js";
import { collectLabels, maxLabels } from "./labels.js";
import { nameOf, passedOn } from "./pass-on.js";
import { type PprofPlan, planCapture } from "./plan.js";

/**
 * Pyroscope's default limits of one profile: 16,000 samples and 4 MiB. But what is past its burst size (2 MiB, labels
 * included) is answered as if the rate were too high, however slowly it comes: so profiles are split to stay below that.
 */
const limits: PprofLimits = { maxSamples: 16_000, maxBytes: 2 * 1024 * 1024 - 96 * 1024 };
const hopelessBytes = 4 * 1024 * 1024;

/** One profile of one series, not yet on the wire. */
export interface SeriesProfile {
  /** As fields of a Series message. */
  readonly labels: Buffer;
  readonly pprof: Pprof;
  /** True if the pprof is gzip already. */
  readonly isCompressed: boolean;
  /** When the profile began, as Pyroscope will see it. */
  readonly timeUnixNano: bigint;
  /** True if it is past Pyroscope's limit and can't be split further. */
  readonly tooLarge: boolean;
}

export interface EncodeOptions {
  /** How what didn't come as pprof is encoded. */
  readonly otlp: PprofOptions;
  readonly nowMs: () => number;
  readonly labels: LabelEncoder;
}

/**
 * How profiles of other origins are encoded: which sample attributes become labels ("*" = all), and whether frames without
 * a function get a name here or are left to Pyroscope's own symbolizer.
 */
export function otlpOptions(sampleLabels: readonly string[], nameFrames: boolean): PprofOptions {
  const keys = sampleLabels.includes("*") ? "all" : new Set(sampleLabels);
  return { labels: { keys, integers: "text" }, namedFrames: nameFrames ? "all" : "without_address" };
}

/** A capture that is to be encoded, or a pprof that goes on as it came. */
type Unit = CaptureUnit | PayloadUnit;

interface CaptureUnit {
  readonly resource: ResourceProfiles;
  readonly scope: ScopeProfiles;
  readonly capture: Capture;
}

interface PayloadUnit {
  readonly resource: ResourceProfiles;
  readonly payload: PprofPayload;
}

/**
 * Turns a batch into profiles of series, a few at a time: what isn't asked for isn't encoded, so that a large batch
 * neither stalls the process nor stands in memory twice.
 */
export class BatchEncoder {
  private readonly units: Unit[] = [];
  private readonly profiles: Profiles;
  private readonly options: EncodeOptions;
  private encoders: Map<PprofOptions, PprofEncoder> | undefined;
  private next = 0;

  constructor(profiles: Profiles, options: EncodeOptions) {
    this.profiles = profiles;
    this.options = options;
    for (const resource of profiles.resources) {
      const passed = passedOn(resource, limits);
      for (const payload of passed) this.units.push({ resource, payload });
      if (passed.length !== resource.payloads?.length) this.addCaptures(resource, passed);
    }
  }

  /** What a resource has beside those that are passed on; decoded for this, if nobody did so before. */
  private addCaptures(resource: ResourceProfiles, passed: readonly PprofPayload[]): void {
    const ids = new Set(passed.map(({ captureId }) => captureId));
    for (const scope of resource.scopes) {
      for (const capture of groupCaptures(scope.profiles)) {
        if (!ids.has(capture.id)) this.units.push({ resource, scope, capture });
      }
    }
  }

  /** Captures not encoded yet. */
  get remaining(): number {
    return this.units.length - this.next;
  }

  /** Gives up what isn't encoded yet; returns its samples. */
  skip(): number {
    let samples = 0;
    for (; this.next < this.units.length; this.next++) samples += samplesOf(this.units[this.next]);
    return samples;
  }

  /** The next capture's profiles; possibly none. Samples that no profile accounts for are in `lost`, with the cause. */
  take(): { profiles: SeriesProfile[]; lost: number; cause?: unknown } {
    const unit = this.units[this.next++];
    const profiles: SeriesProfile[] = [];
    try {
      if ("payload" in unit) return { profiles: this.passOn(unit), lost: 0 };
      const nowNano = BigInt(Math.round(this.options.nowMs())) * 1_000_000n;
      for (const plan of planCapture(unit.capture, nowNano)) this.encode(unit, plan, profiles);
      return { profiles, lost: 0 };
    } catch (cause) {
      return { profiles: [], lost: samplesOf(unit), cause };
    }
  }

  private passOn({ resource, payload }: PayloadUnit): SeriesProfile[] {
    const { outline, bytes, isCompressed, sampleCount, attributes } = payload;
    if (sampleCount === 0) return [];
    const pprof = { bytes, sampleCount, rowCount: outline.sampleCount };
    const labels = this.options.labels.ofResource(resource, attributes, nameOf(payload));
    return [{ labels, pprof, isCompressed, timeUnixNano: outline.timeUnixNano, tooLarge: false }];
  }

  private encode({ resource, scope, capture }: CaptureUnit, plan: PprofPlan, into: SeriesProfile[]): void {
    const how = capture.id === "" ? this.options.otlp : fromPprof;
    const pieces = this.encoder(how).encode(plan.input, limits);
    if (pieces.length === 0) return;
    const profile = plan.input.columns[0].profile;
    const candidates = collectLabels(resource.attributes, scope.attributes, profile.attributes);
    candidates.set("__name__", plan.name);
    if (plan.needsDeltaMark && !candidates.has("__delta__")) candidates.set("__delta__", "false");
    const labels = this.options.labels.encode(candidates, maxLabels - sampleLabelRoom(how));
    const { timeUnixNano } = plan.input;
    for (const pprof of pieces) {
      const tooLarge = pprof.bytes.length > hopelessBytes;
      into.push({ labels, pprof, isCompressed: false, timeUnixNano, tooLarge });
    }
  }

  private encoder(how: PprofOptions): PprofEncoder {
    this.encoders ??= new Map();
    let encoder = this.encoders.get(how);
    if (!encoder) {
      encoder = new PprofEncoder(this.profiles.dictionary, how);
      this.encoders.set(how, encoder);
    }
    return encoder;
  }
}

/** What came as pprof leaves as it was: with its sample labels, and with frames as they were. */
const fromPprof: PprofOptions = { labels: { keys: "all", integers: "number" }, namedFrames: "none" };

/** Sample labels become labels of series in Pyroscope and count towards its limit. */
function sampleLabelRoom({ labels }: PprofOptions): number {
  return labels.keys === "all" ? 0 : Math.min(labels.keys.size, maxLabels / 2);
}

function samplesOf(unit: Unit): number {
  if ("payload" in unit) return unit.payload.sampleCount;
  return unit.capture.profiles.reduce((sum, profile) => sum + profile.sampleCount, 0);
}

/*
 * PushRequest { series 1 { labels 1 { name 1, value 2 }, samples 2 { raw_profile 1 } } }
 */

/** A PushRequest with one profile of one series; `labels` are fields of it, `rawProfile` is pprof, gzipped or not. */
export function encodePush(labels: Buffer, rawProfile: Buffer): Buffer {
  const sample = 1 + varintSize(rawProfile.length) + rawProfile.length;
  const series = labels.length + 1 + varintSize(sample) + sample;
  const out = Buffer.allocUnsafe(1 + varintSize(series) + series);
  out[0] = 0x0a;
  let pos = writeVarint(out, 1, series);
  pos += labels.copy(out, pos);
  out[pos++] = 0x12;
  pos = writeVarint(out, pos, sample);
  out[pos++] = 0x0a;
  pos = writeVarint(out, pos, rawProfile.length);
  rawProfile.copy(out, pos);
  return out;
}
