import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pprofReceiverSchema, profilingSeconds, type ScrapeConfig } from "../../../receivers/pprof/config.js";
import { createLoop, offsetOf } from "../../../receivers/pprof/scrape-loop.js";
import { resolveTargets, type TargetGroup } from "../../../receivers/pprof/target.js";
import { compileRules } from "../../../src/relabel/config.js";
import { createFakeClock } from "../../support/fake-clock.js";

const onlyGoroutine = {
  process_cpu: { enabled: false },
  memory: { enabled: false },
  mutex: { enabled: false },
  block: { enabled: false },
};

function configOf(change: object): ScrapeConfig {
  const input = { scrape_configs: [{ job_name: "j", profiling_config: onlyGoroutine, ...change }] };
  return pprofReceiverSchema.parse(input).scrape_configs[0];
}

function resolve(group: Partial<TargetGroup>, change: object = {}) {
  const config = configOf(change);
  return resolveTargets([{ targets: ["host:1"], labels: {}, ...group }], config, compileRules(config.relabel_configs));
}

function only(group: Partial<TargetGroup>, change: object = {}) {
  const [target, ...others] = resolve(group, change).targets.values();
  assert.deepEqual(others, []);
  return { ...target, labels: Object.fromEntries(target.labels) };
}

function problems(change: object): string[] {
  const { error } = pprofReceiverSchema.safeParse({ scrape_configs: [change] });
  return error?.issues.map(({ path, message }) => `${path.slice(2).join(".")}: ${message}`) ?? [];
}

describe("targets", () => {
  for (const [address, scheme, url] of [
    ["host", "http", "http://host:80/debug/pprof/goroutine"],
    ["host", "https", "https://host:443/debug/pprof/goroutine"],
    ["host:6060", "https", "https://host:6060/debug/pprof/goroutine"],
    ["[::1]", "http", "http://[::1]:80/debug/pprof/goroutine"],
    ["[::1]:6060", "http", "http://[::1]:6060/debug/pprof/goroutine"],
  ] as const) {
    it(`${address} by ${scheme} is ${url}`, () => {
      const target = only({ targets: [address] }, { scheme });
      assert.equal(target.url, url);
      assert.equal(target.labels.instance, /\/\/(.*?)\//.exec(url)?.[1]);
    });
  }

  for (const address of ["http://host:1", "host/path", "host:port", "::1", "", "user@host:1", "a b"]) {
    it(`${JSON.stringify(address)} is none, and the others stand`, () => {
      const { targets, bad } = resolve({ targets: [address, "host:1"] });
      assert.deepEqual(
        [[...targets.values()].map(({ url }) => url), bad.map((each) => each.address)],
        [["http://host:1/debug/pprof/goroutine"], [address]],
      );
    });
  }

  it("get their URL from labels that begin with __", () => {
    const { url, labels } = only({
      labels: {
        __address__: "other:2",
        __scheme__: "https",
        __profile_path__: "pprof/g",
        __profile_path_prefix__: "/app/",
        __param_debug: "0",
        __param_q: "a b&c",
        zone: "z",
      },
    });
    assert.equal(url, "https://other:2/app/pprof/g?debug=0&q=a+b%26c");
    assert.deepEqual(labels, { job: "j", instance: "other:2", service_name: "unspecified", zone: "z" });
  });

  it("keep a job, an instance and a service_name of their own", () => {
    const own = { job: "own", instance: "i", service_name: "s" };
    assert.deepEqual(only({ labels: own }).labels, own);
  });

  const k8s = { __meta_kubernetes_namespace: "ns", __meta_kubernetes_pod_container_name: "c" };
  const annotated = { __meta_kubernetes_pod_annotation_pyroscope_io_service_name: "annotated" };
  const docker = { __meta_docker_container_name: "docker" };
  const swarmLabel = { __meta_dockerswarm_container_label_service_name: "label" };
  const swarm = { __meta_dockerswarm_service_name: "swarm" };
  for (const [labels, expected] of [
    [{ service_name: "explicit", ...annotated }, "explicit"],
    [{ ...annotated, ...k8s }, "annotated"],
    [{ ...k8s, ...docker }, "ns/c"],
    [{ __meta_kubernetes_namespace: "ns", ...docker }, "docker"],
    [{ ...swarmLabel, ...swarm }, "label"],
    [swarm, "swarm"],
    [{}, "unspecified"],
  ] as const) {
    it(`${JSON.stringify(Object.keys(labels))} names the service ${expected}`, () => {
      assert.equal(only({ labels }).labels.service_name, expected);
    });
  }

  it("are relabelled for each profile: dropped, renamed, sent elsewhere", () => {
    const { targets } = resolve(
      { targets: ["a:1", "b:2"] },
      {
        profiling_config: { ...onlyGoroutine, block: { enabled: true }, custom: { heap: { path: "/h" } } },
        relabel_configs: [
          { source_labels: ["__name__", "__address__"], regex: "block;a:1", action: "drop" },
          { source_labels: ["__name__"], regex: "heap", target_label: "__name__", replacement: "memory" },
          { source_labels: ["__address__"], regex: "(.*):.*", target_label: "__address__", replacement: "$1:9" },
        ],
      },
    );
    assert.deepEqual(
      [...targets.values()].map(({ name, url }) => `${name} ${url}`),
      [
        "goroutine http://a:9/debug/pprof/goroutine",
        "memory http://a:9/h",
        "goroutine http://b:9/debug/pprof/goroutine",
        "block http://b:9/debug/pprof/block",
        "memory http://b:9/h",
      ],
    );
  });

  it("are scraped once where they are equal, and no more than max_targets", () => {
    const { targets, ignored } = resolve({ targets: ["a:1", "a:1", "b:1", "c:1"] }, { max_targets: 2 });
    assert.deepEqual([targets.size, ignored], [2, 1]);
  });

  it("give godeltaprof's profiles their plain names, without differences", () => {
    const profiling_config = { ...onlyGoroutine, goroutine: { enabled: false }, godeltaprof_block: { enabled: true } };
    const { name, kind, url } = only({}, { profiling_config });
    assert.deepEqual([name, kind.cumulative, url], ["block", false, "http://host:1/debug/pprof/delta_block"]);
  });
});

describe("times of scrapes", () => {
  it("seconds are the interval less one, or what was asked for", () => {
    const cpu = { process_cpu: { enabled: true } };
    for (const [change, seconds] of [
      [{}, 14],
      [{ scrape_interval: "60s" }, 59],
      [{ scrape_interval: "60s", delta_profiling_duration: "20s" }, 20],
      [{ scrape_interval: "2500ms" }, 1],
    ] as const) {
      assert.equal(profilingSeconds(configOf({ profiling_config: cpu, ...change })), seconds);
    }
    assert.equal(only({}, { profiling_config: { ...onlyGoroutine, goroutine: { delta: true } } }).timeoutMs, 24_000);
  });

  it("times that can't be kept are refused", () => {
    assert.deepEqual(problems({ scrape_interval: "0s" }), [
      "scrape_interval: must be greater than 0",
      "scrape_interval: must be at least 2s where a profile takes seconds (turn off process_cpu, or its delta)",
    ]);
    assert.deepEqual(problems({ delta_profiling_duration: "15s" }), [
      "delta_profiling_duration: must be at least 1s, and at least 1s less than scrape_interval",
    ]);
    assert.deepEqual(problems({ scrape_timeout: "0s" }), ["scrape_timeout: must be greater than 0"]);
    const authorization = { credentials: "c" };
    for (const two of [
      { basic_auth: { username: "u" }, bearer_token: "t" },
      { authorization, bearer_token: "t" },
    ]) {
      assert.deepEqual(problems(two), [
        "bearer_token: `basic_auth`, `authorization` and `bearer_token` exclude each other",
      ]);
    }
    assert.deepEqual(problems({ relabel_configs: [{ action: "keep", regex: "(" }] }).length, 1);
  });

  it("are spread over the interval", () => {
    const buckets = new Array(15).fill(0);
    for (let i = 0; i < 3000; i++) buckets[Math.floor(offsetOf(`target ${i}`, 15_000) / 1000)]++;
    assert.ok(Math.min(...buckets) > 140 && Math.max(...buckets) < 260, String(buckets));
  });

  it("keep their place in the interval; a late one is followed at once, missed ones are left out", async () => {
    const clock = createFakeClock(Date.UTC(2026, 0, 1) + 4000);
    const begun: number[] = [];
    let takesMs = 0;
    const loop = createLoop(clock, 10_000, 6000, () => {
      begun.push(clock.now());
      return new Promise((resolve) => {
        clock.setTimer(resolve, takesMs);
      });
    });
    loop.start();
    await clock.advanceAsync(12_001);
    assert.deepEqual(begun, [2000, 12_000]);
    takesMs = 11_000;
    await clock.advanceAsync(21_500);
    assert.deepEqual(begun, [2000, 12_000, 22_000, 33_000]);
    takesMs = 35_000;
    await clock.advanceAsync(100_000);
    assert.deepEqual(begun.slice(4, 7), [44_000, 79_000, 114_000]);
    takesMs = 0;
    const stopped = loop.stop();
    await clock.advanceAsync(40_000);
    await stopped;
    const count = begun.length;
    await clock.advanceAsync(40_000);
    assert.deepEqual([begun.length, clock.pending], [count, 0]);
  });
});
