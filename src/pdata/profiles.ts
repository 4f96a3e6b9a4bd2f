import type { KeyValue } from "./any-value.js";
import type { SampleColumns } from "./columns.js";
import type { Dictionary } from "./dictionary.js";

// SIGNATURES FIRST: bodies follow within the hour. Everything here is the API that other rooms may rely on.

export interface ValueType {
  readonly type: string;
  readonly unit: string;
}

export declare class Profiles {
  /** Scans an ExportProfilesServiceRequest (kept, not copied). Throws InvalidProfilesError (src/pdata/invalid.ts) with a reason. */
  static parse(bytes: Buffer): Profiles;
  readonly resources: readonly ResourceProfiles[];
  readonly dictionary: Dictionary;
  /** Sample messages in all resources. */
  get sampleCount(): number;
  /** Bytes of the encoded request (an estimate after edits; exact for what arrived). */
  get byteSize(): number;
  /** The newest profile end (time + duration) in unix nanoseconds, 0n if none. */
  get newestTimeUnixNano(): bigint;
  /** Keeps the resources for which `keep` is true; returns the number of samples dropped. */
  filterResources(keep: (resource: ResourceProfiles) => boolean): number;
  /** A batch that can be edited on its own; it shares the received bytes. */
  copy(): Profiles;
  /** The request as a list of buffers; untouched messages are views of the received bytes. Bytes removed by edits occur in none of them. */
  encode(): Buffer[];
}

export declare class ResourceProfiles {
  /** Decoded on first touch. Never edit the returned list: make another and set it. */
  get attributes(): readonly KeyValue[];
  setAttributes(attributes: readonly KeyValue[]): void;
  get schemaUrl(): string;
  get sampleCount(): number;
  readonly scopes: readonly ScopeProfiles[];
  filterScopes(keep: (scope: ScopeProfiles) => boolean): number;
}

export declare class ScopeProfiles {
  get name(): string;
  get version(): string;
  get schemaUrl(): string;
  get attributes(): readonly KeyValue[];
  setAttributes(attributes: readonly KeyValue[]): void;
  get sampleCount(): number;
  readonly profiles: readonly Profile[];
  filterProfiles(keep: (profile: Profile) => boolean): number;
}

export declare class Profile {
  get sampleType(): ValueType;
  setSampleType(type: ValueType): void;
  get periodType(): ValueType;
  setPeriodType(type: ValueType): void;
  get period(): bigint;
  get timeUnixNano(): bigint;
  get durationNano(): bigint;
  /** 16 bytes, or empty. */
  get profileId(): Buffer;
  get originalPayloadFormat(): string;
  get originalPayload(): Buffer;
  get attributes(): readonly KeyValue[];
  setAttributes(attributes: readonly KeyValue[]): void;
  get sampleCount(): number;
  /** The samples as typed arrays; decoded anew at each call, not kept. */
  columns(): SampleColumns;
  /**
   * Edits sample attributes, once per distinct attribute set: `edit` returns the new list, the same list (unchanged), or
   * null to drop the samples that carry it. Samples that became equal are joined. Returns the number of Sample messages dropped by null.
   */
  mapSampleAttributes(edit: (attributes: readonly KeyValue[]) => readonly KeyValue[] | null): number;
  /** Moves the profile's time and all timestamps by this many nanoseconds. */
  shiftTime(deltaNano: bigint): void;
}
