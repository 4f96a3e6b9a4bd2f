import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { type PprofPayload, sealPprof } from "../../../src/codec/pprof-payload.js";
import { nameAttribute } from "../../../src/codec/profile-kinds.js";
import { keyValue, stringValue } from "../../../src/pdata/any-value.js";
import { resourceHead } from "../../../src/pdata/builder.js";
import type { Profiles } from "../../../src/pdata/profiles.js";
import { sealedProfiles } from "../../../src/pdata/sealed.js";
import { recordedPprof } from "../../receivers/pprof/target-server.js";
import { caseBytes, pprofCases } from "../../support/pprof-cases.js";
import { through } from "../through.js";

const homes = String.raw`
blocked_values:
  - '(^(?:[A-Za-z][A-Za-z0-9+.-]*:)*(?://)?(?:/.*?)?/(?:home|Users)/)[^/]+'
  - '(^[A-Za-z]:\\Users\\)[^\\]+'
replacement: $1*`;
const goroutine = recordedPprof("goroutine");
const attributes = [keyValue(nameAttribute, stringValue("goroutine"))];

function payloadOf(bytes: Buffer): PprofPayload {
  const payload = sealPprof(bytes, { attributes });
  assert.ok(payload);
  return payload;
}

function batchOf(...payloads: PprofPayload[]): Profiles {
  const cwd = keyValue("cwd", stringValue("/home/alice/work"));
  return sealedProfiles([{ head: resourceHead([keyValue("service.name", stringValue("orders")), cwd]), payloads }]);
}

async function redacted(batch: Profiles, yaml = homes): Promise<Profiles> {
  const out = await (await through("redaction", yaml)).sendProfiles(batch);
  assert.ok(out);
  return out;
}

const bytesOf = (batch: Profiles): Buffer => Buffer.concat(batch.encode());

/** The recorded pprof with another text, of the same length, for one. */
function withText(text: string, instead: string): Buffer {
  assert.equal(text.length, instead.length);
  const plain = gunzipSync(goroutine);
  const at = plain.indexOf(text);
  assert.ok(at > 0);
  plain.write(instead, at);
  return gzipSync(plain);
}

test("a pprof that has nothing of what the patterns look for stays as it came; its resource is redacted", async () => {
  const out = await redacted(batchOf(payloadOf(goroutine)));
  assert.ok(out.isSealed);
  const [
    {
      payloads = [],
      attributes: [, cwd],
    },
  ] = out.resources;
  assert.ok(payloads[0].bytes.equals(goroutine));
  assert.equal(cwd.value.value, "/home/*/work");
  assert.ok(!bytesOf(out).includes("alice"));
});

test("one that has is decoded, with all of its batch, and leaves without it", async () => {
  const marked = withText("/usr/lib/x86_64-linux-gnu/libc.so.6", "/home/alice_64-linux-gnu/libc.so.6/");
  for (const batch of [batchOf(payloadOf(marked)), batchOf(payloadOf(goroutine), payloadOf(marked))]) {
    assert.ok(gunzipSync(marked).includes("alice"));
    const out = await redacted(batch);
    assert.ok(!out.isSealed);
    assert.ok(out.resources.every(({ payloads }) => payloads === undefined));
    assert.ok(!bytesOf(out).includes("alice"));
  }
});

test("what is redacted undecoded is what it is when decoded before, for every recording and shape", async () => {
  const shapes = pprofCases().filter(({ verdict }) => verdict === "valid");
  const recordings = ["profile-5s", "heap", "block-1", "mutex-1", "goroutine", "threadcreate"].map(recordedPprof);
  let sealed = 0;
  const yamls = [
    homes,
    "blocked_values: [server, app]",
    "blocked_values: ['[0-9a-f]{8}']",
    "blocked_values: [cpu/nano]",
  ];
  const processors = await Promise.all(yamls.map((yaml) => through("redaction", yaml)));
  for (const bytes of [...recordings, ...shapes.map((shape) => caseBytes(shape))]) {
    const payload = sealPprof(bytes, { attributes });
    if (!payload) continue;
    for (const processor of processors) {
      const before = batchOf(payload);
      before.open();
      const late: Profiles | undefined = await processor.sendProfiles(batchOf(payload));
      const early: Profiles | undefined = await processor.sendProfiles(before);
      assert.ok(late && early);
      if (late.isSealed) sealed++;
      assert.deepEqual(bytesOf(late), bytesOf(early));
    }
  }
  assert.ok(sealed > 60, `${sealed}`);
});

test("patterns that can't be looked for, and those of keys, have it decoded", async () => {
  for (const yaml of ["blocked_values: ['(?i)zzz']", "blocked_values: ['[0-9]{12}']", "blocked_key_patterns: [zzz]"]) {
    assert.ok(!(await redacted(batchOf(payloadOf(goroutine)), yaml)).isSealed, yaml);
  }
});

test("texts that only decoding makes are looked into, too", async () => {
  const payload = payloadOf(recordedPprof("profile-5s"));
  for (const text of ["goroutine", payload.captureId, "samples/count cpu/nanoseconds"]) {
    assert.ok(!(await redacted(batchOf(payload), `blocked_values: ['${text}']`)).isSealed, text);
  }
});

test("a gzip file that may hold more than its content is decoded", async () => {
  const plain = gunzipSync(goroutine);
  const bare = gzipSync(plain);
  const named = Buffer.concat([
    bare.subarray(0, 3),
    Buffer.from([8]),
    bare.subarray(4, 10),
    Buffer.from("alice\0"),
    bare.subarray(10),
  ]);
  const half = plain.length >> 1;
  const joined = Buffer.concat([gzipSync(plain.subarray(0, half)), gzipSync(plain.subarray(half))]);
  assert.ok(gunzipSync(named).equals(plain) && gunzipSync(joined).equals(plain));
  assert.ok((await redacted(batchOf(payloadOf(bare)))).isSealed);
  for (const odd of [named, joined]) assert.ok(!(await redacted(batchOf(payloadOf(odd)))).isSealed);
  assert.ok((await redacted(batchOf(payloadOf(plain)))).isSealed);
});
