import type { Clock } from "../../src/delivery/clock.js";
import { type MappedRange, virtualAddress } from "../../src/symbols/segments.js";
import type { KnownBinary } from "./known-binary.js";
import { NameCache } from "./name-cache.js";
import { maxAddresses, type Target } from "./protocol.js";
import { type SymbolSource, SymbolSourceError } from "./symbol-source.js";

/** Binaries that are remembered, found or not. */
const maxTargets = 8192;
/** Processes that are tried for a binary before its negative answer counts for all. */
const maxTriedPids = 64;
/** A binary that ended the process that read it is left alone for this long. */
const poisonedMs = 600_000;

export type BinaryOutcome = "found" | "not_found" | "invalid" | "timeout" | "memory" | "crashed";

interface TargetState {
  /** What it turned out to be; "" while it has not been found. */
  identity: string;
  outcome: BinaryOutcome | undefined;
  retryAtMs: number;
  isPoisoned: boolean;
  readonly triedPids: Set<number>;
}

export interface NamesSettings {
  readonly source: SymbolSource;
  readonly clock: Clock;
  readonly cacheBytes: number;
  readonly negativeTtlMs: number;
  /** Told how each request ended, and whether that is another end than the binary's last request had. */
  readonly asked: (outcome: BinaryOutcome, target: Target, reason: string, isNew: boolean) => void;
}

/** What is known now, and a promise that settles when more is. */
export interface Lookup {
  /** undefined while the binary is not known. */
  readonly binary: KnownBinary | undefined;
  /** undefined if nothing more will come. */
  readonly pending: Promise<void> | undefined;
}

/** Names of addresses: from memory, else from the source, which is asked for the same thing once at a time. */
export class Names {
  readonly cache: NameCache;
  private readonly settings: NamesSettings;
  private readonly targets = new Map<string, TargetState>();
  /** Requests under way, by binary. */
  private readonly pending = new Map<string, Promise<void>>();

  constructor(settings: NamesSettings) {
    this.settings = settings;
    this.cache = new NameCache(settings.cacheBytes);
  }

  /** What is known of a binary; undefined if nothing is. */
  known(key: string): KnownBinary | undefined {
    const state = this.targets.get(key);
    if (!state || state.identity === "") return undefined;
    const { identity } = state;
    this.targets.delete(key);
    this.targets.set(key, state);
    const known = this.cache.get(identity);
    if (!known?.isStripped || this.settings.clock.now() - known.sinceMs < this.settings.negativeTtlMs) return known;
    // Its symbols may have been put somewhere since.
    this.cache.delete(identity);
    return undefined;
  }

  /** Looks up addresses as the frames have them. Its promise never rejects; what is under way is not asked for again. */
  lookUp(target: Target, addresses: readonly number[], range: MappedRange): Lookup {
    const binary = this.known(target.key);
    const state = this.stateOf(target.key);
    const missing = binary
      ? addresses.filter((address) => !binary.has(virtualAddress(binary.segments, address, range)))
      : addresses;
    if (missing.length === 0) return { binary, pending: undefined };
    const underWay = this.pending.get(target.key);
    if (underWay) return { binary, pending: underWay };
    if (!this.mayAsk(state, target)) return { binary, pending: undefined };
    const pending = this.ask(state, target, missing.slice(0, maxAddresses), range).finally(() => {
      this.pending.delete(target.key);
    });
    this.pending.set(target.key, pending);
    return { binary, pending };
  }

  private stateOf(key: string): TargetState {
    let state = this.targets.get(key);
    if (state) this.targets.delete(key);
    else {
      state = { identity: "", outcome: undefined, retryAtMs: 0, isPoisoned: false, triedPids: new Set() };
    }
    this.targets.set(key, state);
    if (this.targets.size > maxTargets) {
      const [oldest] = this.targets.keys();
      this.targets.delete(oldest);
    }
    return state;
  }

  /** A binary that was not found is asked for again when time has passed, or when another process has it. */
  private mayAsk(state: TargetState, target: Target): boolean {
    if (this.settings.clock.now() >= state.retryAtMs) return true;
    if (state.isPoisoned || state.triedPids.size >= maxTriedPids) return false;
    return target.pids.some((pid) => !state.triedPids.has(pid));
  }

  private async ask(
    state: TargetState,
    target: Target,
    addresses: readonly number[],
    range: MappedRange,
  ): Promise<void> {
    const { source, clock, negativeTtlMs } = this.settings;
    if (clock.now() >= state.retryAtMs) state.triedPids.clear();
    for (const pid of target.pids) if (state.triedPids.size < maxTriedPids) state.triedPids.add(pid);
    try {
      const answer = await source.request({ target, addresses, range });
      state.isPoisoned = false;
      if (answer.outcome !== "found") {
        state.retryAtMs = clock.now() + negativeTtlMs;
        this.ended(state, answer.outcome, target, answer.reason);
        return;
      }
      state.identity = answer.identity;
      state.retryAtMs = 0;
      const virtual = addresses.map((address) => virtualAddress(answer.segments, address, range));
      this.cache.add(answer, virtual, clock.now());
      this.ended(state, "found", target, "");
    } catch (caught) {
      const fault = caught instanceof SymbolSourceError ? caught.fault : "unavailable";
      if (fault !== "timeout" && fault !== "memory" && fault !== "crashed") return;
      state.retryAtMs = clock.now() + poisonedMs;
      state.isPoisoned = true;
      this.ended(state, fault, target, (caught as Error).message);
    }
  }

  private ended(state: TargetState, outcome: BinaryOutcome, target: Target, reason: string): void {
    const isNew = state.outcome !== outcome;
    state.outcome = outcome;
    this.settings.asked(outcome, target, reason, isNew);
  }
}
