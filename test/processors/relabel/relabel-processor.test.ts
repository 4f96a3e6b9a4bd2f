import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PlainAttributes, PlainProfile, PlainResource, PlainSample } from "../../support/plain-profiles.js";
import { recorded } from "../../support/recorded.js";
import { through } from "../through.js";

/** Attributes of a resource after the rules; undefined if it was dropped. */
async function resourceAfter(yaml: string, attributes: PlainAttributes) {
  const processor = await through("relabel", yaml);
  return (await processor.send([{ attributes }]))?.[0].attributes;
}

const profilesAfter = async (yaml: string, profiles: PlainProfile[], attributes: PlainAttributes = {}) => {
  const processor = await through("relabel", yaml);
  return (await processor.send([{ attributes, scopes: [{ profiles }] }]))?.[0].scopes[0].profiles;
};

describe("relabel: labels of a resource", () => {
  it("sees and writes service.name as service_name, in either spelling", async () => {
    const before = { "service.name": "shop", pid: "1" };
    for (const name of ["service_name", "service.name"]) {
      const yaml = `rules: [{source_labels: [${name}], regex: sh(op), target_label: ${name}, replacement: b$1}]`;
      assert.deepEqual(await resourceAfter(yaml, before), { "service.name": "bop", pid: "1" });
    }
    for (const regex of ["service_name", "service\\.name"]) {
      assert.deepEqual(await resourceAfter(`rules: [{action: labeldrop, regex: '${regex}'}]`, before), { pid: "1" });
      assert.deepEqual(await resourceAfter(`rules: [{action: labelkeep, regex: '${regex}'}]`, before), {
        "service.name": "shop",
      });
    }
    assert.deepEqual(await resourceAfter("rules: [{target_label: service_name, replacement: new}]", {}), {
      "service.name": "new",
    });
    assert.deepEqual(await resourceAfter("rules: [{action: labelmap, regex: 'service.(.*)'}]", before), {
      ...before,
      name: "shop",
    });
  });

  it("sees scalars as text and leaves the rest invisible and alive", async () => {
    const before = {
      int: 9223372036854775807n,
      double: 0.5,
      bool: true,
      bytes: Buffer.from("b"),
      list: ["x", 1n],
      none: null,
      tenant: "t",
    };
    const yaml = `
rules:
  - {source_labels: [int, double, bool, bytes, list, none], target_label: all}
  - {action: labelkeep, regex: all|bool}`;
    assert.deepEqual(await resourceAfter(yaml, before), {
      bool: true,
      bytes: Buffer.from("b"),
      list: ["x", 1n],
      none: null,
      all: "9223372036854775807;0.5;true;;;",
    });
  });

  it("writes only what changed, as strings", async () => {
    const yaml =
      "rules: [{source_labels: [pid], target_label: pid}, {source_labels: [cpu], target_label: cpu, replacement: c$1}]";
    assert.deepEqual(await resourceAfter(yaml, { pid: 7n, cpu: 3n, up: true }), { pid: 7n, cpu: "c3", up: true });
  });

  it("takes away labels in __ at the end, but for those that mean something to Pyroscope", async () => {
    const yaml = `
rules:
  - {source_labels: [__meta_app], target_label: __tmp}
  - {source_labels: [__tmp], target_label: app}`;
    const before = { __meta_app: "shop", __session_id__: "s", __delta__: "false" };
    assert.deepEqual(await resourceAfter(yaml, before), { __session_id__: "s", __delta__: "false", app: "shop" });
    const clean = "rules: [{action: labeldrop, regex: __session_id__}]";
    assert.deepEqual(await resourceAfter(clean, before), { __delta__: "false" });
  });

  it("label_style underscores: rules see k8s_pod_name, attributes keep their key", async () => {
    const yaml = `
label_style: underscores
rules:
  - {source_labels: [k8s_pod_name], regex: (.+)-x, target_label: k8s_pod_name}
  - {source_labels: [k8s_pod_name], target_label: new_label}
  - {source_labels: [k8s.pod.name], target_label: new.label2}
  - {action: labeldrop, regex: gone_.*}
  - {source_labels: [service_name], target_label: service_name, replacement: $1!}`;
    const before = { "k8s.pod.name": "pod-x", "gone.a": "1", "gone-b": "2", "service.name": "s" };
    assert.deepEqual(await resourceAfter(yaml, before), {
      "k8s.pod.name": "pod",
      "service.name": "s!",
      new_label: "pod",
      "new.label2": "pod",
    });
  });

  it("keeps and drops resources, counts their samples, and hands nothing on if nothing is left", async () => {
    const processor = await through("relabel", "rules: [{action: drop, source_labels: [service_name], regex: bad.*}]");
    const scopes = [{ profiles: [{ samples: [{}, { stack: 2 }] }] }];
    const named = (name: string): PlainResource => ({ attributes: { "service.name": name }, scopes });
    const out = await processor.send([named("bad1"), named("good"), named("bad2")]);
    assert.deepEqual(
      out?.map((each) => each.attributes),
      [{ "service.name": "good" }],
    );
    assert.equal(await processor.metric("flamepipe_dropped_samples_total"), 4);
    assert.equal(await processor.send([named("bad1")]), undefined);
    assert.equal(await processor.metric("flamepipe_dropped_samples_total"), 6);
    assert.deepEqual(await processor.send([]), []);
  });

  it("runs the rules once per distinct resource", async () => {
    const processor = await through("relabel", "rules: [{source_labels: [a], target_label: b}]");
    const two = [{ attributes: { a: "1" } }, { attributes: { a: "2" } }, { attributes: { a: "1" } }];
    for (let i = 0; i < 3; i++) {
      assert.deepEqual((await processor.send(two))?.[2].attributes, { a: "1", b: "1" });
    }
    assert.equal(await processor.metric("flamepipe_relabel_cache_misses_total"), 2);
    assert.equal(await processor.metric("flamepipe_relabel_cache_hits_total"), 7);
  });
});

describe("relabel: context profile", () => {
  const cpu: PlainProfile = { type: "cpu/nanoseconds", period: "cpu/nanoseconds", samples: [{}] };
  const alloc: PlainProfile = { type: "alloc_space/bytes", period: "space/bytes", samples: [{}, { stack: 2 }] };

  it("drops a sample type, and the scopes and resources that this leaves empty", async () => {
    const yaml =
      "context: profile\nrules: [{action: drop, source_labels: [__name__, __type__], regex: memory;alloc_.*}]";
    const processor = await through("relabel", yaml);
    const out = await processor.send([
      { attributes: { r: "1" }, scopes: [{ profiles: [alloc] }, { profiles: [cpu, alloc] }] },
      { attributes: { r: "2" }, scopes: [{ profiles: [alloc] }] },
    ]);
    assert.deepEqual(
      out?.map((each) => [each.attributes, each.scopes.map((scope) => scope.profiles?.map((profile) => profile.type))]),
      [[{ r: "1" }, [["cpu/nanoseconds"]]]],
    );
    assert.equal(await processor.metric("flamepipe_dropped_samples_total"), 6);
  });

  it("renames a type, a unit and a name", async () => {
    const yaml = `
context: profile
rules:
  - {source_labels: [__type__], regex: alloc_(.*), target_label: __type__, replacement: allocated_$1}
  - {source_labels: [__period_unit__], regex: bytes, target_label: __period_unit__, replacement: B}
  - {source_labels: [__name__], target_label: __name__, replacement: my_$1}`;
    const out = await profilesAfter(yaml, [{ ...alloc, attributes: { team: "a" } }]);
    assert.equal(out?.[0].type, "allocated_space/bytes");
    assert.equal(out?.[0].period, "space/B");
    assert.deepEqual(out?.[0].attributes, { team: "a", "pyroscope.name": "my_memory" });
  });

  it("reads the name that a receiver knew", async () => {
    const named = { ...cpu, attributes: { "pyroscope.name": "wall" } };
    const yaml = "context: profile\nrules: [{action: keep, source_labels: [__name__], regex: wall}]";
    assert.deepEqual(
      (await profilesAfter(yaml, [cpu, named]))?.map((each) => each.attributes),
      [{ "pyroscope.name": "wall" }],
    );
  });

  it("does not take name and types away", async () => {
    const yaml =
      "context: profile\nrules: [{action: labelkeep, regex: team}, {target_label: __type__, replacement: ''}]";
    const out = await profilesAfter(yaml, [{ ...cpu, attributes: { team: "a", pid: 1n } }]);
    assert.deepEqual(
      out?.map(({ type, period, attributes }) => ({ type, period, attributes })),
      [{ type: "cpu/nanoseconds", period: "cpu/nanoseconds", attributes: { team: "a" } }],
    );
  });

  it("finds labels of the resource by name, and edits only the profile's own", async () => {
    const yaml = `
context: profile
rules:
  - {action: keep, source_labels: [service_name, __type__], regex: shop;cpu}
  - {source_labels: [region], target_label: copied}
  - {action: labeldrop, regex: region}
  - {action: labelmap, regex: (zone), replacement: mapped_$1}`;
    const processor = await through("relabel", yaml);
    const attributes = { "service.name": "shop", region: "eu", zone: "z" };
    const out = await processor.send([
      { attributes, scopes: [{ profiles: [cpu, alloc] }] },
      { attributes: { "service.name": "other" }, scopes: [{ profiles: [cpu] }] },
    ]);
    assert.equal(out?.length, 1);
    assert.deepEqual(out[0].attributes, attributes);
    assert.deepEqual(
      out[0].scopes[0].profiles?.map((each) => each.attributes),
      [{ copied: "eu" }],
    );
  });
});

describe("relabel: context sample", () => {
  const samples: PlainSample[] = [
    { attributes: { "thread.name": "gc-1", cpu: 1n }, values: [1n] },
    { attributes: { "thread.name": "gc-2", cpu: 1n }, values: [2n] },
    { attributes: { "thread.name": "main" }, values: [4n] },
  ];

  it("edits attribute sets and joins the samples that became equal", async () => {
    const yaml = `
context: sample
rules:
  - {source_labels: [thread.name], regex: (gc)-.*, target_label: thread.name}`;
    assert.deepEqual((await profilesAfter(yaml, [{ samples }]))?.[0].samples, [
      { stack: 1, attributes: { "thread.name": "gc", cpu: 1n }, values: [3n] },
      { stack: 1, attributes: { "thread.name": "main" }, values: [4n] },
    ]);
  });

  it("drops samples, and a profile with the last of them; one that came empty stays", async () => {
    const yaml = "context: sample\nrules: [{action: drop, source_labels: [thread.name], regex: gc.*}]";
    const processor = await through("relabel", yaml);
    const only = { samples: samples.slice(0, 2) };
    const out = await processor.send([
      { scopes: [{ profiles: [only, { samples }, { samples: [] }] }] },
      { scopes: [{ profiles: [only] }] },
    ]);
    assert.deepEqual(
      out?.map((each) => each.scopes[0].profiles?.map((profile) => profile.samples?.length)),
      [[1, 0]],
    );
    assert.equal(await processor.metric("flamepipe_dropped_samples_total"), 6);
  });

  it("finds labels of profile and resource by name", async () => {
    const yaml = `
context: sample
rules:
  - {action: keep, source_labels: [service_name, lang, thread.name], regex: shop;go;main}
  - {source_labels: [thread.name], regex: main, target_label: thread.name, replacement: ''}`;
    const out = await profilesAfter(yaml, [{ attributes: { lang: "go" }, samples }], { "service.name": "shop" });
    assert.deepEqual(out?.[0].samples, [{ stack: 1, attributes: {}, values: [4n] }]);
  });

  it("counts what it drops of recorded data to the last sample", async () => {
    const yaml = "context: sample\nrules: [{action: keep, source_labels: [thread.name], regex: 'go|node'}]";
    const processor = await through("relabel", yaml);
    const batch = recorded();
    const before = batch.sampleCount;
    const out = await processor.sendProfiles(batch);
    assert.ok(out !== undefined && out.sampleCount > 0 && out.sampleCount < before);
    assert.equal(out.sampleCount + (await processor.metric("flamepipe_dropped_samples_total")), before);
  });
});

describe("relabel: configuration", () => {
  for (const [yaml, message] of [
    ["rules: []", /missing required field "rules"/],
    ["rules: [{action: rename}]", /rules.*0.*unknown relabel action "rename"/s],
    [
      "rules: [{target_label: a}, {source_labels: [a]}]",
      /rules.*1.*relabel configuration for replace action requires 'target_label' value/s,
    ],
    ["rules: [{regex: '(', target_label: a}]", /error parsing regexp: missing closing \): `\^\(\?s:\(\)\$`/],
    ["rules: [{action: hashmod, target_label: a}]", /requires non-zero modulus/],
    ["rules: [{target_label: a, regex: 8080}]", /expected type 'string', got unconvertible type 'int'/],
    ["rules: [{action: null, target_label: a}]", /relabel action cannot be empty/],
    ["rules: [{target_label: a, source_label: [x]}]", /invalid keys: source_label.*source_labels/],
  ] as const) {
    it(`refuses ${yaml}`, async () => {
      await assert.rejects(through("relabel", yaml), message);
    });
  }

  it("takes null as Prometheus does", async () => {
    const yaml =
      "rules: [{source_labels: [a, b], separator: null, target_label: c}, {source_labels: [a], regex: null, target_label: d}]";
    assert.deepEqual(await resourceAfter(yaml, { a: "1", b: "2" }), { a: "1", b: "2", c: "12" });
  });
});
