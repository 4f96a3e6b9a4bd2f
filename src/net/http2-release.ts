import type { Http2Session, Http2Stream } from "node:http2";

/*
 * Node (20 to 24) aborts the process when the garbage collector frees a session before one of its streams that still holds
 * header fields. A stream is left to the collector with such fields when it is destroyed while a header block has come in
 * half, with bytes of its own still in a write to the socket: what a peer need do is send half a block of trailers, stop
 * reading, and break the connection. The order in which the collector frees the two is chance, unless the session is held
 * until the stream is gone. What has to be held is the native object behind the session, which only its private field
 * knows; test/net/http2-release.test.ts would miss it.
 */

/** Of sessions that are not closed; held longer, one whose SETTINGS are never acknowledged would hold itself. */
const natives = new WeakMap<Http2Session, object>();
/** Holds its second argument until the first has been collected. */
const held = new FinalizationRegistry<object>(() => {});

/** For each session, once it is connected. */
export function noteSession(session: Http2Session): void {
  const field = Object.getOwnPropertySymbols(session).find(({ description }) => description === "kHandle");
  const native: unknown = field && Reflect.get(session, field);
  if (!(native instanceof Object)) return;
  natives.set(session, native);
  // Its streams are closed before it is, or at the same time.
  session.once("close", () => setImmediate(() => natives.delete(session)));
}

/** For each stream, when it is closed: a session that broke under it is freed after it. */
export function releaseAfter(stream: Http2Stream, session: Http2Session): void {
  const native = session.destroyed ? natives.get(session) : undefined;
  if (native) held.register(stream, native);
}
