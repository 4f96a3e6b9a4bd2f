import type { ProfilesBuilder } from "../pdata/builder.js";
import { Reader } from "../proto/wire.js";
import type { PprofIndex, Ranges } from "./pprof-index.js";

/*
 * pprof has no links: a sample that belongs to a span of a trace says so in the labels span_id (16 hex digits) and
 * trace_id (32). Label { key 1, str 2 }
 */

const spanIdBytes = 8;
const traceIdBytes = 16;

interface LinkLabel {
  /** Where its Label message begins; -1 = the run has none. */
  at: number;
  /** How many labels of the run have its key. */
  count: number;
  readonly id: Buffer;
}

/**
 * Finds the labels that say a link, where an encoder that writes the link again gives the same labels: each key once,
 * both ids in lower case and not all zeros. Any other label of these names stays what it is.
 */
export class PprofLinks {
  private readonly buf: Buffer;
  private readonly strings: Ranges;
  private readonly builder: ProfilesBuilder;
  private readonly spanKeys: ReadonlySet<number>;
  private readonly traceKeys: ReadonlySet<number>;
  private readonly profileKeys: ReadonlySet<number>;
  private readonly renamed: boolean;
  private readonly span: LinkLabel = { at: -1, count: 0, id: Buffer.alloc(spanIdBytes) };
  private readonly trace: LinkLabel = { at: -1, count: 0, id: Buffer.alloc(traceIdBytes) };

  /** `profileIdIsSpan`: the label profile_id is an older name of span_id. */
  constructor({ buf, strings }: PprofIndex, builder: ProfilesBuilder, profileIdIsSpan: boolean) {
    this.buf = buf;
    this.strings = strings;
    this.builder = builder;
    this.renamed = profileIdIsSpan;
    this.traceKeys = indicesOf(buf, strings, "trace_id");
    const none: ReadonlySet<number> = new Set();
    this.spanKeys = this.traceKeys.size === 0 ? none : indicesOf(buf, strings, "span_id");
    this.profileKeys = this.traceKeys.size === 0 ? none : indicesOf(buf, strings, "profile_id");
  }

  /** False if no sample of the pprof can have a link. */
  get any(): boolean {
    return this.spanKeys.size > 0 || (this.renamed && this.profileKeys.size > 0);
  }

  /** link_table index of the link in this run of labels; 0 for none. */
  read(source: Buffer, start: number, end: number): number {
    const { span, trace } = this;
    span.at = trace.at = -1;
    span.count = trace.count = 0;
    const run = new Reader(source, start, end);
    while (run.next()) {
      const length = run.length();
      this.label(source, run.pos, run.pos + length);
      run.pos += length;
    }
    if (span.at < 0 || trace.at < 0 || span.count > 1 || trace.count > 1) return 0;
    return this.builder.link(trace.id, span.id);
  }

  /** True for a label that the link of the last `read`, if there was one, stands for. */
  covers(at: number): boolean {
    return at === this.span.at || at === this.trace.at;
  }

  private label(source: Buffer, start: number, end: number): void {
    let key = 0;
    let text = 0;
    const label = new Reader(source, start, end);
    while (label.next()) {
      if (label.field === 1 && label.wireType === 0) key = index(label);
      else if (label.field === 2 && label.wireType === 0) text = index(label);
      else label.skip();
    }
    const isProfile = this.profileKeys.has(key);
    const into = isProfile || this.spanKeys.has(key) ? this.span : this.traceKeys.has(key) ? this.trace : undefined;
    if (!into) return;
    into.count++;
    if ((isProfile && !this.renamed) || text < 0 || text >= this.strings.length) return;
    const { data } = this.strings;
    if (readHex(this.buf, data[2 * text], data[2 * text + 1], into.id)) into.at = start;
  }
}

/** An index of the string table; -1 for what none can be. */
function index(reader: Reader): number {
  const high = reader.skipVarintHigh();
  return high === 0 ? reader.low | 0 : -1;
}

/** All indices of this text in the string table. */
function indicesOf(buf: Buffer, { data, length }: Ranges, text: string): Set<number> {
  const indices = new Set<number>();
  for (let i = 1; i < length; i++) {
    const start = data[2 * i];
    if (data[2 * i + 1] - start === text.length && buf.latin1Slice(start, start + text.length) === text) indices.add(i);
  }
  return indices;
}

/** Reads lower-case hex digits that fill `into` and are not all 0. */
function readHex(buf: Buffer, start: number, end: number, into: Buffer): boolean {
  if (end - start !== 2 * into.length) return false;
  let seen = 0;
  for (let i = 0; i < into.length; i++) {
    const high = nibble(buf[start + 2 * i]);
    const low = nibble(buf[start + 2 * i + 1]);
    if (high < 0 || low < 0) return false;
    into[i] = (high << 4) | low;
    seen |= into[i];
  }
  return seen !== 0;
}

function nibble(character: number): number {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  return character >= 0x61 && character <= 0x66 ? character - 0x57 : -1;
}
