import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { queueField, retryField, timeoutField } from "../../src/delivery/config.js";

const schema = z.strictObject({
  timeout: timeoutField("5s"),
  retry_on_failure: retryField(),
  sending_queue: queueField({ enabledByDefault: true }),
});

function problems(input: unknown): string[] {
  const result = schema.safeParse(input);
  assert.equal(result.success, false, "expected to be refused");
  return result.error.issues.map((issue) => `${issue.path.join("::")}: ${issue.message}`);
}

test("defaults are the Collector's", () => {
  assert.deepEqual(schema.parse({}), {
    timeout: 5000,
    retry_on_failure: {
      enabled: true,
      initial_interval: 5000,
      randomization_factor: 0.5,
      multiplier: 1.5,
      max_interval: 30_000,
      max_elapsed_time: 300_000,
    },
    sending_queue: {
      enabled: true,
      num_consumers: 10,
      queue_size: 1000,
      sizer: "requests",
      block_on_overflow: false,
      wait_for_result: false,
      on_full: "refuse",
      batch: {
        enabled: false,
        flush_timeout: 200,
        min_size: 8192,
        max_size: 0,
        sizer: "items",
        partition: { metadata_keys: [] },
      },
    },
  });
});

test("a queue that is off by default is on once its block is written", () => {
  const off = queueField({ enabledByDefault: false });
  assert.equal(off.parse(undefined).enabled, false);
  assert.equal(off.parse({}).enabled, true);
  assert.equal(off.parse({ enabled: false }).enabled, false);
});

test("writing `batch` turns it on; it takes the queue's sizer where that is set", () => {
  const queue = queueField({ enabledByDefault: true });
  assert.equal(queue.parse({ batch: {} }).batch.enabled, true);
  assert.equal(queue.parse({ batch: {} }).batch.sizer, "items");
  assert.equal(queue.parse({ sizer: "bytes", queue_size: 1e8, batch: {} }).batch.sizer, "bytes");
  assert.equal(queue.parse({ sizer: "bytes", batch: { sizer: "items" } }).batch.sizer, "items");
});

test("a negative timeout is refused", () => {
  assert.deepEqual(problems({ timeout: "-1s" }), ["timeout: 'timeout' must be non-negative"]);
});

test("retry: each field has its message", () => {
  assert.deepEqual(problems({ retry_on_failure: { initial_interval: "-1s", multiplier: -2 } }), [
    "retry_on_failure::initial_interval: initial_interval value must be greater than or equal to 0",
    "retry_on_failure::multiplier: multiplier value must be greater than or equal to 0",
  ]);
  assert.deepEqual(problems({ retry_on_failure: { randomization_factor: 1.5 } }), [
    "retry_on_failure::randomization_factor: randomization_factor value must be less than or equal to 1",
  ]);
  assert.deepEqual(problems({ retry_on_failure: { max_elapsed_time: "4s" } }), [
    "retry_on_failure::max_elapsed_time: 'max_elapsed_time' must not be less than 'initial_interval'",
    "retry_on_failure::max_elapsed_time: 'max_elapsed_time' must not be less than 'max_interval'",
  ]);
  assert.equal(schema.parse({ retry_on_failure: { max_elapsed_time: 0 } }).retry_on_failure.max_elapsed_time, 0);
  assert.equal(schema.parse({ retry_on_failure: { enabled: false, multiplier: -1 } }).retry_on_failure.enabled, false);
});

test("queue: each field has its message", () => {
  const cases: [object, string][] = [
    [{ num_consumers: 0 }, "sending_queue::num_consumers: `num_consumers` must be positive"],
    [{ queue_size: 0 }, "sending_queue::queue_size: `queue_size` must be positive"],
    [
      { storage: "file_storage" },
      "sending_queue::storage: durable queues are not available in this version; remove `storage` to queue in memory",
    ],
    [
      { block_on_overflow: true, on_full: "drop_oldest" },
      "sending_queue::on_full: `block_on_overflow` and `on_full: drop_oldest` exclude each other",
    ],
    [{ batch: { flush_timeout: 0 } }, "sending_queue::batch::flush_timeout: `flush_timeout` must be positive"],
    [{ batch: { min_size: -1 } }, "sending_queue::batch::min_size: `min_size` must be non-negative"],
    [
      { batch: { sizer: "requests" } },
      'sending_queue::batch: `batch` supports only `items` or `bytes` sizer, found "requests"',
    ],
    [
      { sizer: "items", batch: {} },
      "sending_queue::batch::min_size: `min_size` must be less than or equal to `queue_size`",
    ],
    [
      { batch: { max_size: 10 } },
      "sending_queue::batch::max_size: `max_size` (10) must be greater or equal to `min_size` (8192)",
    ],
    [
      { batch: { partition: { metadata_keys: ["A", "b", "a"] } } },
      'sending_queue::batch::partition::metadata_keys: duplicate entry in metadata_keys: "a" (case-insensitive)',
    ],
  ];
  for (const [queue, message] of cases) assert.deepEqual(problems({ sending_queue: queue }), [message]);
  assert.equal(schema.parse({ sending_queue: { enabled: false, num_consumers: 0 } }).sending_queue.enabled, false);
});

test("unknown keys are refused, and the schema has a JSON form", () => {
  assert.match(problems({ sending_queue: { queue_sice: 5 } })[0], /queue_sice/);
  const json = JSON.stringify(z.toJSONSchema(schema, { io: "input" }));
  assert.match(json, /drop_oldest/);
  assert.match(json, /"default":"requests"/);
});
