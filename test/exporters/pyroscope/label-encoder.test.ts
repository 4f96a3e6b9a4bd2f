import assert from "node:assert/strict";
import { test } from "node:test";
import { LabelEncoder } from "../../../exporters/pyroscope/label-encoder.js";
import type { SeriesLabels } from "../../../exporters/pyroscope/labels.js";
import { type KeyValue, keyValue, stringValue } from "../../../src/pdata/any-value.js";
import { resourceHead } from "../../../src/pdata/builder.js";
import type { ResourceProfiles } from "../../../src/pdata/profiles.js";
import { sealedProfiles } from "../../../src/pdata/sealed.js";
import { bytesField } from "../../../src/proto/small-wire.js";
import { decodePush } from "../../support/pprof-oracle.js";

const text = (key: string, value: string): KeyValue => keyValue(key, stringValue(value));

function resource(...attributes: KeyValue[]): ResourceProfiles {
  return sealedProfiles([{ head: resourceHead(attributes), payloads: [] }]).resources[0];
}

/** The labels that were encoded, as a series of a request has them. */
function read(labels: Buffer): Record<string, string> {
  const [series] = decodePush(bytesField(1, labels)).series;
  return Object.fromEntries(series.labels.map((one: { name: string; value: string }) => [one.name, one.value]));
}

test("the same resource has the same labels, another name, resource or profile label has others", () => {
  const encoder = new LabelEncoder(() => assert.fail("nothing was left out"));
  const orders = resource(text("service.name", "orders"));
  const first = encoder.ofResource(orders, [text("pyroscope.name", "cpu")], "cpu");
  assert.deepEqual(read(first), { __name__: "cpu", service_name: "orders" });
  assert.equal(encoder.ofResource(resource(text("service.name", "orders")), [], "cpu"), first);
  assert.deepEqual(read(encoder.ofResource(orders, [], "wall")), { __name__: "wall", service_name: "orders" });
  const marked = encoder.ofResource(orders, [text("__session_id__", "s1")], "cpu");
  assert.deepEqual(read(marked), { __name__: "cpu", service_name: "orders", __session_id__: "s1" });
  orders.setAttributes([text("service.name", "users")]);
  assert.deepEqual(read(encoder.ofResource(orders, [], "cpu")), { __name__: "cpu", service_name: "users" });
});

test("labels that were left out are reported each time, remembered or not", () => {
  const reports: SeriesLabels[] = [];
  const encoder = new LabelEncoder((labels) => reports.push(labels));
  const many = resource(...Array.from({ length: 40 }, (_, i) => text(`label${i}`, "x")));
  const labels = [encoder.ofResource(many, [], "cpu"), encoder.ofResource(many, [], "cpu")];
  assert.equal(labels[1], labels[0]);
  assert.equal(Object.keys(read(labels[0])).length, 30);
  assert.deepEqual(
    reports.map(({ dropped }) => dropped.length),
    [12, 12],
  );
});
