import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { createSink } from "../../support/consumers.js";
import { decodePprof, decodePush } from "../../support/pprof-oracle.js";
import { createRandom, mutate } from "../../support/random.js";
import { post } from "./client.js";
import {
  cpuLabels,
  cpuPprof,
  cpuPush,
  form,
  formHeaders,
  gzip,
  pushHeaders,
  pushPath,
  pushRequest,
  startReceiver,
  summary,
} from "./setup.js";

/** What a request's profiles add up to, by protobufjs; undefined where it is stricter about UTF-8 than google/pprof. */
function oracleTotals(push: Buffer): bigint[] | undefined {
  try {
    return readTotals(push);
  } catch (error) {
    assert.match(String(error), /utf-?8/i);
    return undefined;
  }
}

function readTotals(push: Buffer): bigint[] {
  // biome-ignore lint/suspicious/noExplicitAny: protobufjs objects
  const pprofs = decodePush(push).series.flatMap((one: any) => one.samples.map((s: any) => decodePprof(s.raw_profile)));
  // biome-ignore lint/suspicious/noExplicitAny: protobufjs objects
  return pprofs.flatMap((pprof: any) =>
    pprof.sample_type.map((_: unknown, i: number) =>
      // biome-ignore lint/suspicious/noExplicitAny: protobufjs objects
      pprof.sample.reduce((sum: bigint, sample: any) => sum + BigInt(sample.value[i]), 0n),
    ),
  );
}

test("a request cut short anywhere is refused for good", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const body = form({ name: "profile", content: cpuPprof });
  const zipped = gzip(cpuPush);
  for (let length = 0; length < cpuPush.length; length += 1 + Math.floor(length / 20)) {
    const push = await post(port, pushPath, pushHeaders, cpuPush.subarray(0, length));
    const inGzip = await post(
      port,
      pushPath,
      { ...pushHeaders, "content-encoding": "gzip" },
      zipped.subarray(0, length),
    );
    const inForm = await post(port, "/ingest?name=a", formHeaders, body.subarray(0, length));
    const raw = await post(
      port,
      "/ingest?name=a&format=pprof",
      {},
      cpuPprof.subarray(0, Math.min(length, cpuPprof.length - 1)),
    );
    assert.deepEqual([push.status, inGzip.status, inForm.status, raw.status], [400, 400, 400, 400], `${length}`);
  }
  assert.equal(sink.taken.length, 0);
});

test("a request with changed bytes is refused for good, or means what protobufjs reads in it", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const random = createRandom(4040);
  const plain = pushRequest({ labels: cpuLabels, profiles: [gunzipSync(cpuPprof)] });
  let refused = 0;
  let taken = 0;
  for (let round = 0; round < 400; round++) {
    const body = mutate(plain, random);
    const before = sink.taken.length;
    const reply = await post(port, pushPath, pushHeaders, body);
    assert.equal(sink.taken.length - before, reply.status === 200 ? 1 : 0);
    if (reply.status === 200) {
      taken++;
      const totals = summary(sink.taken[before].profiles).map(({ total }) => total);
      const expected = oracleTotals(body);
      if (expected) assert.deepEqual(totals, expected, `round ${round}`);
    } else {
      refused++;
      assert.ok(reply.status === 400 || reply.status === 413, `${reply.status} ${reply.body}`);
    }
  }
  assert.ok(taken > 20 && refused > 20, `${taken} taken, ${refused} refused`);
});
