import type { Answer, Request } from "./protocol.js";

export type SourceFault = "busy" | "crashed" | "timeout" | "memory" | "unavailable" | "closed";

/** No answer. All but `busy`, `unavailable` and `closed` are the fault of the binary that was asked for. */
export class SymbolSourceError extends Error {
  readonly fault: SourceFault;

  constructor(fault: SourceFault) {
    super(`no symbols: ${fault}`);
    this.name = "SymbolSourceError";
    this.fault = fault;
  }
}

/** Where names come from: a process that reads binaries, or what a test puts in its place. */
export interface SymbolSource {
  /** Rejects with SymbolSourceError only. */
  request(request: Omit<Request, "id">): Promise<Answer>;
  close(): Promise<void>;
}
