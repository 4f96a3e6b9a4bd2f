import type { KeyValue } from "../pdata/any-value.js";
import type { ScopeBuilder } from "../pdata/builder.js";
import type { Payload, PayloadScope } from "../pdata/payload.js";
import { captureAttributes } from "./capture.js";
import { isBareGzip, isGzip } from "./gunzip.js";
import {
  addPprof,
  inflatePprof,
  judged,
  newCaptureId,
  outputLimit,
  type PprofOptions,
  timeOf,
} from "./pprof-decode.js";
import { outlineOf, type PprofOutline } from "./pprof-outline.js";

/** A pprof that stands in a batch as it came, checked, to be decoded when somebody looks inside. */
export class PprofPayload implements Payload {
  readonly bytes: Buffer;
  readonly byteSize: number;
  readonly outline: PprofOutline;
  readonly scope: PayloadScope | undefined;
  /** As `addPprof` will give them to every profile, those of the pprof itself left out. */
  readonly attributes: readonly KeyValue[];
  private readonly options: PprofOptions;
  private id = "";
  private plain: Buffer | undefined;

  constructor(bytes: Buffer, plain: Buffer, outline: PprofOutline, options: PprofOptions, scope?: PayloadScope) {
    const { attributes = [], attributesFor } = options;
    this.bytes = bytes;
    this.byteSize = plain.length;
    this.outline = outline;
    this.scope = scope;
    this.attributes = attributesFor ? [...attributes, ...attributesFor(outline.sampleTypes)] : attributes;
    this.options = options.plain ? { ...options, plain: undefined } : options;
    this.plain = plain;
  }

  /** The id of its capture, in whatever it is decoded to. */
  get captureId(): string {
    this.id ||= newCaptureId();
    return this.id;
  }

  get sampleCount(): number {
    return this.outline.sampleCount * this.outline.sampleTypes.length;
  }

  get endNano(): number {
    const time = Number(timeOf(this.outline.timeUnixNano, this.options));
    return time > 0 ? time + Math.max(0, Number(this.outline.durationNano)) : 0;
  }

  get isCompressed(): boolean {
    return isGzip(this.bytes);
  }

  decodeInto(scope: ScopeBuilder): void {
    const { attributes, captureId } = this;
    const options = { ...this.options, maxBytes: this.byteSize, attributes, attributesFor: undefined, captureId };
    addPprof(scope, this.plain ?? this.bytes, options);
  }

  textSearch(): (text: string) => boolean {
    const { bytes, attributes, outline } = this;
    if (this.isCompressed && !isBareGzip(bytes)) return () => true;
    const plain = this.plain ?? inflatePprof(bytes, this.byteSize);
    // All other texts that it decodes to stand in the pprof as they are.
    const beside = [...attributes, ...captureAttributes(this.captureId, outline.sampleTypes)].map(({ value }) => value);
    return (text) =>
      plain.includes(text) || beside.some((value) => value.type !== "string" || value.value.includes(text));
  }

  /** Lets go of the decompressed pprof, which who decodes later has to make again. */
  forgetPlain(): void {
    this.plain = undefined;
  }
}

/**
 * A pprof, gzip or plain, as a payload. undefined for one that is out of the ordinary: `addPprof` has to judge it. Throws
 * as `addPprof` does.
 */
export function sealPprof(bytes: Buffer, options: PprofOptions = {}, scope?: PayloadScope): PprofPayload | undefined {
  const plain = options.plain ?? inflatePprof(bytes, options.maxBytes);
  const outline = judged(plain, () => outlineOf(plain));
  if (!outline || outline.maxOutputBytes > outputLimit(plain)) return undefined;
  return new PprofPayload(bytes, plain, outline, options, scope);
}
