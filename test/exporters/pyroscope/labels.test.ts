import assert from "node:assert/strict";
import { test } from "node:test";
import { collectLabels, fitLabels } from "../../../exporters/pyroscope/labels.js";
import { type AnyValue, intValue, type KeyValue, keyValue, stringValue } from "../../../src/pdata/any-value.js";

function attributes(values: Record<string, string | bigint | AnyValue>): KeyValue[] {
  return Object.entries(values).map(([key, value]) => {
    if (typeof value === "string") return keyValue(key, stringValue(value));
    return keyValue(key, typeof value === "bigint" ? intValue(value) : value);
  });
}

function collected(resource: KeyValue[], scope: KeyValue[] = [], profile: KeyValue[] = []): Record<string, string> {
  return Object.fromEntries(collectLabels(resource, scope, profile));
}

test("scalars are labels as text, the first of a name wins, and what has no text is no label", () => {
  const resource = attributes({
    "service.name": "shop",
    "k8s.pod.name": "pod-1",
    "process.pid": 9_007_199_254_740_993n,
    flag: { type: "bool", value: false },
    ratio: { type: "double", value: 0.25 },
    empty: "",
    list: { type: "array", value: [stringValue("a")] },
    map: { type: "map", value: [] },
    raw: { type: "bytes", value: Buffer.from("x") },
    "": "no name",
  });
  const scope = attributes({ "k8s.pod.name": "other", library: "x" });
  assert.deepEqual(collected(resource, scope), {
    "k8s.pod.name": "pod-1",
    "process.pid": "9007199254740993",
    flag: "false",
    ratio: "0.25",
    library: "x",
    service_name: "shop",
  });
});

test("service_name: service.name, else service_name, else named after the executable", () => {
  assert.equal(collected(attributes({ service_name: "b", "service.name": "a" })).service_name, "a");
  assert.equal(collected(attributes({ service_name: "b", "service.name": "" })).service_name, "b");
  assert.equal(collected(attributes({ "process.executable.name": "node" })).service_name, "unknown_service:node");
  assert.equal(collected([]).service_name, "unknown_service");
  assert.ok(!("service.name" in collected(attributes({ "service.name": "a" }))));
});

test("of the names with __ in front only those that a client may send pass; some may stand on the profile", () => {
  const labels = collected(
    attributes({ __delta__: "false", __session_id__: "s", __name__: "x", __type__: "y", __otel__: "true" }),
    [],
    attributes({
      service_repository: "r",
      service_git_ref: "g",
      service_root_path: "p",
      other: "o",
      __session_id__: "t",
    }),
  );
  assert.deepEqual(labels, {
    service_repository: "r",
    service_git_ref: "g",
    service_root_path: "p",
    __session_id__: "t",
    __delta__: "false",
    service_name: "unknown_service",
  });
});

test("past the limit the least telling labels go, in an order that doesn't depend on theirs", () => {
  const many: Record<string, string> = {
    "service.name": "shop",
    "service.version": "1",
    "k8s.pod.name": "p",
    "k8s.pod.uid": "u",
    "process.command_line": "c",
    "process.pid": "1",
    "os.type": "linux",
    team: "t",
    __delta__: "false",
    service_git_ref: "g",
  };
  const kept = (input: Record<string, string>, limit: number) => {
    const candidates = collectLabels(attributes(input), [], []);
    candidates.set("__name__", "memory");
    return fitLabels(candidates, limit);
  };
  const reversed = Object.fromEntries(Object.entries(many).reverse());
  assert.deepEqual(kept(many, 11).dropped, []);
  for (const [limit, dropped] of [
    [10, ["process.command_line"]],
    [8, ["os.type", "process.command_line", "process.pid"]],
    [6, ["k8s.pod.uid", "os.type", "process.command_line", "process.pid", "team"]],
    [2, 9],
  ] as const) {
    const fitted = kept(many, limit);
    assert.equal(fitted.labels.length, limit);
    if (typeof dropped === "number") assert.equal(fitted.dropped.length, dropped);
    else assert.deepEqual(fitted.dropped, dropped);
    assert.deepEqual(kept(reversed, limit), fitted);
  }
  assert.deepEqual(kept(many, 2).labels, [
    ["__name__", "memory"],
    ["service_name", "shop"],
  ]);
});

test("values are cut at whole characters to 2048 bytes, names past 1024 left out", () => {
  const candidates = new Map([
    ["a", "é".repeat(2000)],
    ["b", `x${"é".repeat(2000)}`],
    ["c", "v".repeat(2048)],
    ["n".repeat(1024), "v"],
    ["n".repeat(1025), "v"],
  ]);
  const { labels, cut, dropped } = fitLabels(candidates, 30);
  const byName = new Map(labels);
  assert.equal(byName.get("a"), "é".repeat(1024));
  assert.equal(byName.get("b"), `x${"é".repeat(1023)}`);
  assert.equal(byName.get("c"), "v".repeat(2048));
  assert.ok(byName.has("n".repeat(1024)));
  assert.deepEqual(cut, ["a", "b"]);
  assert.deepEqual(dropped, ["n".repeat(1025)]);
});
