import assert from "node:assert/strict";
import { test } from "node:test";
import { attributesOf, createKnownSeries } from "../../../receivers/pyroscope/labels.js";
import { decodePush } from "../../../receivers/pyroscope/push-request.js";
import { bytesField } from "../../../src/proto/small-wire.js";
import { createSink } from "../../support/consumers.js";
import { post } from "./client.js";
import { cpuPprof, pushHeaders, pushPath, startReceiver, summary } from "./setup.js";

const label = (name: string, value: string): Buffer =>
  bytesField(1, Buffer.concat([bytesField(1, Buffer.from(name)), bytesField(2, Buffer.from(value))]));
const sample = bytesField(2, bytesField(1, cpuPprof));
const series = (...fields: Buffer[]): Buffer => bytesField(1, Buffer.concat(fields));
const name = label("__name__", "process_cpu");

test("equal labels that stand side by side have one key, others have another or none", () => {
  const keyOf = (...fields: Buffer[]) => decodePush(series(...fields))[0].labelKey;
  const key = keyOf(name, label("a", "1"), sample);
  assert.equal(keyOf(sample, name, label("a", "1")), key);
  assert.notEqual(keyOf(name, label("a", "2"), sample), key);
  assert.notEqual(keyOf(label("a", "1"), name, sample), key);
  assert.equal(keyOf(name, sample, label("a", "1")), undefined);
  assert.equal(keyOf(sample), undefined);
});

test("labels are the same whether they were seen before or not, and wherever they stand", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const orders = [name, label("service_name", "orders")];
  const requests = [
    series(...orders, sample),
    series(...orders, sample),
    series(orders[0], sample, orders[1]),
    series(name, label("service_name", "users"), sample),
    series(...orders, sample),
  ];
  for (const body of requests) assert.equal((await post(port, pushPath, pushHeaders, body)).status, 200);
  const services = sink.taken.map(({ profiles }) => summary(profiles)[0].resource["service.name"]);
  assert.deepEqual(services, ["orders", "orders", "orders", "users", "orders"]);
  // What is refused isn't remembered as good.
  const twice = series(...orders, label("service_name", "orders"), sample);
  for (let n = 0; n < 2; n++) assert.equal((await post(port, pushPath, pushHeaders, twice)).status, 400);
});

test("label sets that are remembered are bounded in number and in bytes", () => {
  const known = createKnownSeries();
  for (let i = 0; i < 10_000; i++) known.set(`key ${i}`, attributesOf("cpu", [["i", String(i)]]));
  assert.equal(known.size, 8192);
  const large = "x".repeat(50_000);
  for (let i = 0; i < 1000; i++) known.set(`${large}${i}`, attributesOf("cpu", [["i", large]]));
  assert.ok(known.weight <= 8 * 1024 * 1024, String(known.weight));
  assert.ok(known.size < 100, String(known.size));
});

test("what takes far more room than its bytes is bounded over the whole request", () => {
  const limit = 262_144;
  const empty = (field: number, count: number) => Buffer.alloc(2 * count, Buffer.from([(field << 3) | 2, 0]));
  assert.equal(decodePush(empty(1, limit)).length, limit);
  const refusal = { message: `PushRequest: more than ${limit} series, labels and samples`, kind: "permanent" };
  assert.throws(() => decodePush(empty(1, limit + 1)), refusal);
  for (const field of [1, 2]) {
    assert.equal(decodePush(series(empty(field, limit - 1))).length, 1);
    assert.throws(() => decodePush(series(empty(field, limit))), refusal);
    const half = series(empty(field, limit / 2));
    assert.throws(() => decodePush(Buffer.concat([half, half])), refusal);
  }
});
