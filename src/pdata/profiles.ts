import type { Layout } from "../proto/shapes.js";
import { writeVarint } from "../proto/wire.js";
import type { Batch } from "./batch.js";
import { Dictionary, type DictLine } from "./dictionary.js";
import { type TextEdit, withEditedTexts } from "./edit-texts.js";
import { InvalidProfilesError } from "./invalid.js";
import { likelyLayouts } from "./layouts.js";
import { withLocationLines } from "./location-lines.js";
import { normalizeRequest } from "./normalize.js";
import type { Payload } from "./payload.js";
import { buildRequest } from "./rebuild.js";
import { ResourceProfiles } from "./resource-profiles.js";
import { type Built, isFault, type ScanResult, scanRequest } from "./scan.js";

export type { ValueType } from "./batch.js";
export { Profile } from "./profile.js";
export { ResourceProfiles } from "./resource-profiles.js";
export { ScopeProfiles } from "./scope-profiles.js";

/** What a batch holds whose profiles stand in it as payloads. */
export interface Seal {
  /** Of each resource, as the scan numbers them. */
  readonly payloads: readonly (readonly Payload[])[];
  /** The request that these resources are with their payloads decoded. */
  readonly open: (resources: readonly ResourceProfiles[]) => Built;
}

const noDictionary = new Dictionary(Buffer.alloc(0), 0, 0, new Int32Array(8));

/** A batch of profiles: bytes as they arrived, views that decode on first touch, and the edits made so far. */
export class Profiles {
  /** The wire layout of the request this came from; older ones were translated. */
  readonly layout: Layout;
  private buf: Buffer;
  private scanned: ScanResult;
  private readonly batch: Batch;
  private views: ResourceProfiles[] | undefined;
  private edited = false;
  private readonly samples: number;
  private seal: Seal | undefined;

  private constructor(buf: Buffer, scanned: ScanResult, layout: Layout, batch: Batch) {
    this.buf = buf;
    this.scanned = scanned;
    this.layout = layout;
    this.batch = batch;
    this.samples = scanned.sampleCount;
  }

  /** Scans an ExportProfilesServiceRequest, which is kept, not copied. Throws InvalidProfilesError with a reason. */
  static parse(bytes: Buffer): Profiles {
    const scanned = scanRequest(bytes, false);
    if (!isFault(scanned)) return Profiles.of(bytes, scanned, "1.10", false);
    if (scanned.isFinal) throw new InvalidProfilesError(scanned.reason);
    return parseOdd(bytes);
  }

  /** A batch from what was built. */
  static built({ buf, scanned }: Built): Profiles {
    return Profiles.of(buf, scanned, "1.10", false);
  }

  /** A batch from bytes that a scan has passed. */
  static of(buf: Buffer, scanned: ScanResult, layout: Layout, hadReferences: boolean): Profiles {
    const dictionary = dictionaryOf(buf, scanned);
    const batch: Batch = {
      dictionary,
      needsPrune: false,
      hadReferences: hadReferences || scanned.hasReferences,
      droppedPayloads: 0,
      joinedSamples: 0,
      unseal: undefined,
    };
    const profiles = new Profiles(buf, scanned, layout, batch);
    if (scanned.profileCount > 0 && scanned.counts.subarray(1).includes(0)) {
      dictionary.repair();
      profiles.edited = true;
    }
    if (scanned.hasReferences) profiles.resolveReferences();
    return profiles;
  }

  /** A batch of payloads; `buf` has the resources without their profiles. See sealed.ts. */
  static sealed(buf: Buffer, scanned: ScanResult, seal: Seal): Profiles {
    const batch: Batch = {
      dictionary: noDictionary,
      needsPrune: false,
      hadReferences: false,
      droppedPayloads: 0,
      joinedSamples: 0,
      unseal: undefined,
    };
    const profiles = new Profiles(buf, scanned, "1.10", batch);
    profiles.close(seal);
    return profiles;
  }

  private close(seal: Seal): void {
    this.seal = seal;
    this.batch.unseal = () => this.unseal(seal);
  }

  /** True as long as its profiles stand in it as payloads. */
  get isSealed(): boolean {
    return this.seal !== undefined;
  }

  /** Decodes what stands in it as payloads: from now on sizes are exact. */
  open(): void {
    this.batch.unseal?.();
  }

  /** Decodes the payloads in place: views that exist stay valid. */
  private unseal(seal: Seal): void {
    const views = this.ownResources();
    const { buf, scanned } = seal.open(views);
    this.seal = undefined;
    this.batch.unseal = undefined;
    this.batch.needsPrune = false;
    this.batch.dictionary = dictionaryOf(buf, scanned);
    this.edited = false;
    this.buf = buf;
    this.scanned = scanned;
    const { resources } = scanned;
    views.forEach((view, i) => {
      view.moveTo(buf, resources[4 * i], resources[4 * i + 1]);
    });
  }

  private resolveReferences(): void {
    const { resources } = this.scanned;
    this.ownResources().forEach((view, i) => {
      view.resolveReferences(resources[4 * i + 3]);
    });
  }

  get dictionary(): Dictionary {
    this.open();
    return this.batch.dictionary;
  }

  /** Views of the resources that are still in the batch. */
  get resources(): readonly ResourceProfiles[] {
    return this.ownResources();
  }

  private ownResources(): ResourceProfiles[] {
    if (!this.views) {
      const { resources, resourceCount } = this.scanned;
      const payloads = this.seal?.payloads;
      this.views = new Array(resourceCount);
      for (let i = 0; i < resourceCount; i++) {
        this.views[i] = new ResourceProfiles(
          this.batch,
          this.buf,
          resources[4 * i],
          resources[4 * i + 1],
          resources[4 * i + 2],
          payloads?.[i],
        );
      }
    }
    return this.views;
  }

  /** Resources in the batch, without making views. */
  get resourceCount(): number {
    return this.views ? this.views.length : this.scanned.resourceCount;
  }

  /** Sample messages in all resources. */
  get sampleCount(): number {
    if (!this.views) return this.samples;
    let sum = 0;
    for (const view of this.views) sum += view.sampleCount;
    return sum;
  }

  /** Bytes of the request: exact for what arrived, close to it after edits, an estimate where payloads stand in it. */
  get byteSize(): number {
    if (this.seal) return this.buf.length + this.sumOfPayloads(({ byteSize }) => byteSize);
    if (this.untouched) return this.buf.length;
    let sum = this.batch.dictionary.byteSize + 8;
    for (const view of this.ownResources()) sum += view.byteSize + 4;
    return sum;
  }

  /** Bytes of memory that this batch keeps alive, at least: what queues and limits should count. */
  get heldBytes(): number {
    return this.seal ? this.buf.length + this.sumOfPayloads(({ bytes }) => bytes.length) : this.buf.length;
  }

  private sumOfPayloads(of: (payload: Payload) => number): number {
    let sum = 0;
    for (const { payloads } of this.ownResources()) for (const payload of payloads ?? []) sum += of(payload);
    return sum;
  }

  /** The newest profile end (time + duration) in unix nanoseconds, good to a microsecond; 0n if none. */
  get newestTimeUnixNano(): bigint {
    return BigInt(Math.round(this.scanned.newestNano));
  }

  /** original_payload fields that edits have removed since `resetLosses`. */
  get droppedPayloads(): number {
    return this.batch.droppedPayloads;
  }

  /** Sample messages that were joined with others that had become equal, since `resetLosses`; their values are kept. */
  get joinedSamples(): number {
    return this.batch.joinedSamples;
  }

  /** Begins to count anew: for whoever has booked the two figures above. */
  resetLosses(): void {
    this.batch.droppedPayloads = 0;
    this.batch.joinedSamples = 0;
  }

  /** Keeps the resources for which `keep` is true; returns the number of samples dropped. */
  filterResources(keep: (resource: ResourceProfiles) => boolean): number {
    const before = this.sampleCount;
    const own = this.ownResources();
    const kept = own.filter(keep);
    if (kept.length === own.length) return 0;
    this.views = kept;
    this.edited = true;
    this.batch.needsPrune = true;
    return before - this.sampleCount;
  }

  /**
   * Gives locations (by index) these lines in place of those they have; functions are appended to the dictionary before.
   * The dictionary is another object afterwards.
   */
  setLocationLines(lines: ReadonlyMap<number, readonly DictLine[]>): void {
    if (lines.size === 0) return;
    this.batch.dictionary = withLocationLines(this.dictionary, lines);
    this.edited = true;
    for (const view of this.ownResources()) view.dropPayloads();
  }

  /**
   * Edits the texts of the dictionary. Where one changed, original payloads go, which may hold the same. The dictionary is
   * another object then. What the batch was decoded from goes in any case: it may hold texts that nothing uses, and that
   * the edit never saw.
   */
  editTexts(edit: TextEdit): void {
    const edited = withEditedTexts(this.dictionary, edit);
    for (const view of this.ownResources()) view.dropPayloads();
    if (edited === this.batch.dictionary) return;
    this.batch.dictionary = edited;
    this.edited = true;
    for (const view of this.ownResources()) {
      for (const scope of view.scopes) for (const profile of scope.profiles) profile.dropOriginalPayload();
    }
  }

  /** A batch that can be edited on its own; it shares the received bytes. */
  copy(): Profiles {
    const batch: Batch = { ...this.batch, dictionary: this.batch.dictionary.copy(), unseal: undefined };
    const copy = new Profiles(this.buf, this.scanned, this.layout, batch);
    copy.edited = this.edited;
    copy.views = this.views?.map((view) => view.copyInto(batch));
    if (this.seal) copy.close(this.seal);
    return copy;
  }

  /** True if what would be sent is, byte for byte, what arrived. */
  get untouched(): boolean {
    return !this.seal && !this.edited && !this.batch.needsPrune && !this.views?.some((view) => view.dirty);
  }

  /** True if entries of the dictionary must not be sent because what used them was removed. */
  get needsPrune(): boolean {
    return this.batch.needsPrune;
  }

  /** True if the dictionary has fields that are no table. */
  get hasUnknownTables(): boolean {
    return this.scanned.hasUnknownTables;
  }

  /** Unknown top-level fields, tags included. */
  unknownFields(): Buffer[] {
    const { unknown } = this.scanned;
    const out: Buffer[] = [];
    for (let i = 0; i < unknown.length; i += 2) out.push(this.buf.subarray(unknown[i], unknown[i + 1]));
    return out;
  }

  /** The request as a list of buffers. Bytes removed by edits occur in none of them. */
  encode(): Buffer[] {
    // Decoded for this once: in a queue of another exporter the batch stays what it is.
    if (this.seal) return [this.seal.open(this.ownResources()).buf];
    if (this.untouched) return [this.buf];
    if (this.batch.needsPrune) return [buildRequest([this]).buf];
    return this.splice();
  }

  /** Resources that changed are written anew, everything else is copied or viewed as it is. */
  private splice(): Buffer[] {
    const views = this.ownResources();
    const { dictionary } = this.batch;
    const dictionarySize = dictionary.byteSize;
    let size = 6;
    const contents = views.map((view) => view.rewritten());
    views.forEach((view, i) => {
      size += (contents[i]?.length ?? view.byteSize) + 6;
    });
    const unknown = this.unknownFields();
    for (const field of unknown) size += field.length;
    const out = Buffer.allocUnsafeSlow(size);
    let pos = 0;
    views.forEach((view, i) => {
      out[pos++] = 0x0a;
      const content = contents[i];
      if (!content) pos = view.writeTo(out, pos);
      else {
        pos = writeVarint(out, pos, content.length);
        pos += content.copy(out, pos);
      }
    });
    for (const field of unknown) pos += field.copy(out, pos);
    if (dictionarySize === 0) return [out.subarray(0, pos)];
    out[pos++] = 0x12;
    pos = writeVarint(out, pos, dictionarySize);
    return [out.subarray(0, pos), ...dictionary.content()];
  }
}

function dictionaryOf(buf: Buffer, { dictionaryStart, dictionaryEnd, counts }: ScanResult): Dictionary {
  return new Dictionary(buf, Math.max(dictionaryStart, 0), Math.max(dictionaryEnd, 0), counts);
}

/** The slow path of parse: odd but legal shapes and older layouts are rewritten, then scanned again. */
function parseOdd(bytes: Buffer): Profiles {
  let firstReason = "";
  for (const layout of likelyLayouts(bytes)) {
    try {
      let plain = normalizeRequest(bytes, layout);
      if (layout === "1.8") plain = normalizeRequest(plain, "1.10");
      const scanned = scanRequest(plain, true);
      if (!isFault(scanned)) return Profiles.of(plain, scanned, layout, true);
      firstReason ||= scanned.reason;
    } catch (caught) {
      if (!(caught instanceof InvalidProfilesError)) throw caught;
      firstReason ||= caught.message;
    }
  }
  throw new InvalidProfilesError(
    `${firstReason}; understood are OTLP profiles of protocol 1.10 and later, and of 1.9 and 1.8, which are translated`,
  );
}
