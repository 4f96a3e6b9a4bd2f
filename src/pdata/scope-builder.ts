import { LEN, varintSize, Writer } from "../proto/wire.js";
import type { KeyValue } from "./any-value.js";
import { encodeKeyValue } from "./any-value-codec.js";
import type { ValueType } from "./batch.js";
import type { DictionaryBuilder } from "./dictionary-builder.js";
import { ProfileBuilder, type ProfileFields } from "./profile-builder.js";
import type { ScanResult } from "./scan.js";

const noBytes = Buffer.alloc(0);

/** Encoded sizes of a resource, of its scopes, and of their profiles. */
export interface Sizes {
  readonly bytes: number;
  readonly parts: readonly Sizes[];
}

export function sizesOf(head: number, parts: readonly Sizes[]): Sizes {
  let bytes = head;
  for (const part of parts) bytes += 1 + varintSize(part.bytes) + part.bytes;
  return { bytes, parts };
}

/** One scope of a batch being built. */
export class ScopeBuilder {
  readonly builder: DictionaryBuilder;
  readonly profiles: ProfileBuilder[] = [];
  private readonly head: Buffer;

  constructor(builder: DictionaryBuilder, name: string, version: string, attributes: readonly KeyValue[]) {
    this.builder = builder;
    if (name === "" && version === "" && attributes.length === 0) {
      this.head = noBytes;
      return;
    }
    const head = new Writer(64);
    head.message(1, () => {
      if (name !== "") head.string(1, name);
      if (version !== "") head.string(2, version);
      for (const attribute of attributes) head.message(3, () => encodeKeyValue(head, attribute));
    });
    this.head = head.finish();
  }

  /** One profile per sample type, with the same fields besides. */
  profilesOf(sampleTypes: readonly ValueType[], fields: Omit<ProfileFields, "sampleType">): ProfileBuilder[] {
    const profiles: ProfileBuilder[] = [];
    for (const sampleType of sampleTypes) {
      profiles.push(new ProfileBuilder(this.builder, { ...fields, sampleType }, 256, profiles[0]));
    }
    this.profiles.push(...profiles);
    return profiles;
  }

  /** `sampleBytes`: bytes of samples to make room for at once. */
  profile(fields: ProfileFields, sampleBytes = 256): ProfileBuilder {
    const profile = new ProfileBuilder(this.builder, fields, sampleBytes);
    this.profiles.push(profile);
    return profile;
  }

  measure(): Sizes {
    return sizesOf(
      this.head.length,
      this.profiles.map((profile) => ({ bytes: profile.byteSize, parts: [] })),
    );
  }

  write(out: Writer, sizes: Sizes, scanned: ScanResult): void {
    out.tag(2, LEN);
    out.varint(sizes.bytes);
    out.raw(this.head, 0, this.head.length);
    for (const profile of this.profiles) {
      out.tag(2, LEN);
      out.varint(profile.byteSize);
      profile.write(out);
      scanned.sampleCount += profile.sampleCount;
      scanned.newestNano = Math.max(scanned.newestNano, profile.endNano);
    }
  }
}
