import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAppName, periodNanoOf, readIngestQuery } from "../../../receivers/pyroscope/ingest-query.js";
import { ingestedName, readDisplayNames } from "../../../receivers/pyroscope/profile-name.js";
import { stackTypeOf } from "../../../receivers/pyroscope/stack-types.js";

const nowMs = 1_795_354_402_000;
const query = (text: string) => readIngestQuery(new URLSearchParams(`name=app&${text}`), nowMs);

test("names with labels, as Pyroscope reads them", () => {
  for (const [text, app, labels] of [
    ["shop.orders", "shop.orders", []],
    [" team/app-1_x.y ", "team/app-1_x.y", []],
    ["a{}", "a", []],
    ["a{b=c,d=e}", "a", ["b=c", "d=e"]],
    ["a{ b = c d , e=f=g}", "a", ["b=c d", "e=f=g"]],
    ["a{b=ü {x,c.d=\u{1f600}}", "a", ["b=ü {x", "c.d=\u{1f600}"]],
    ['a{b="c"}', "a", ['b="c"']],
    ["a{b=1,b=2}", "a", ["b=2"]],
    ["a{b=}", "a", ["b="]],
    ["a{b=c", "a", ["b=c"]],
    ["a{b=c}x", "a", ["b=c"]],
    ["a{b=c}d=e}", "a", ["b=c", "d=e"]],
    ["a{b}", "a", []],
    ["a{b}c=d}", "a", []],
    ["a{b=c,}", "a", ["b=c"]],
    ["a{__name__=z,__x__=1,__session_id__=2}", "z", ["__session_id__=2"]],
  ] as const) {
    const found = parseAppName(text);
    assert.deepEqual([found.app, found.labels.map((label) => label.join("="))], [app, labels], text);
  }
  for (const [text, reason] of [
    ["", /required/],
    ["{a=b}", /required/],
    ["my app", /" " is not allowed/],
    ["größe", /"ö" is not allowed/],
    ["a:b{}", /":" is not allowed/],
    ["a{b-c=d}", /"-" is not allowed/],
    ["a{ü=d}", /"ü" is not allowed/],
    ["a{b,c=d}", /"," is not allowed/],
    ["a{b=c,,d=e}", /"," is not allowed/],
    ["a{=b}", /without a name/],
    ["a{service_name=}", /service_name is empty/],
    ["a{__name__=}", /required/],
  ] as const) {
    assert.throws(() => parseAppName(text), reason, text);
  }
});

test("times in every unit, as a day, and relative to now", () => {
  const second = 1_000_000_000n;
  const now = BigInt(nowMs) * 1_000_000n;
  for (const [from, expected] of [
    ["1795353592", 1_795_353_592n * second],
    ["1795353592000", 1_795_353_592n * second],
    ["1795353592000000", 1_795_353_592n * second],
    ["1795353592000000001", 1_795_353_592n * second + 1n],
    ["1,795_353 592", 1_795_353_592n * second],
    ["20261122", 1_795_305_600n * second],
    ["20261131", 20_261_131n * second],
    ["0", 0n],
    ["99999999999999999999", now],
    ["999999999999", now],
    ["now", now],
    ["", now],
    ["now-30s", now - 30n * second],
    ["now-1h30min", now - 5400n * second],
    ["now-2m", now - 120n * second],
    ["now-1mon", now - 2_592_000n * second],
    ["now-1M", now - 2_592_000n * second],
    ["now-1y1w1d", now - (31_536_000n + 604_800n + 86_400n) * second],
    ["now+10s", now + 10n * second],
    ["now-10", now],
    ["-10s", now - 10n * second],
    ["now-99999999y", now - 10_000_000_000n * second < 0n ? now : now - 10_000_000_000n * second],
    ["yesterday-ish", now],
  ] as const) {
    assert.equal(query(`from=${encodeURIComponent(from)}`).timeUnixNano, expected, from);
  }
  const { timeUnixNano, durationNano } = query("from=1795353592&until=1795353602");
  assert.deepEqual([timeUnixNano, durationNano], [1_795_353_592n * second, 10n * second]);
  assert.equal(query("from=1795353602&until=1795353592").durationNano, 0n);
});

test("sampleRate is a whole number, else 100", () => {
  for (const [text, rate, period] of [
    ["99", 99, 10_101_010n],
    ["+50", 50, 20_000_000n],
    ["050", 50, 20_000_000n],
    ["0", 0, undefined],
    ["-0", 0, undefined],
    ["1000000000", 1e9, 1n],
    ["", 100, 10_000_000n],
    ["-5", 100, 10_000_000n],
    ["abc", 100, 10_000_000n],
    ["50.5", 100, 10_000_000n],
    ["1e3", 100, 10_000_000n],
    ["0x10", 100, 10_000_000n],
  ] as const) {
    const found = query(`sampleRate=${encodeURIComponent(text)}`);
    assert.deepEqual([found.sampleRate, periodNanoOf(found)], [rate, period], text);
  }
  assert.throws(() => periodNanoOf(query("sampleRate=1000000001")), /more than one sample a nanosecond/);
});

test("the name's end says what bare stacks count", () => {
  const typeOf = (name: string, rate = "100") => {
    const { app, type } = stackTypeOf(readIngestQuery(new URLSearchParams({ name, sampleRate: rate }), nowMs));
    const { sampleType, periodType } = type;
    return `${app} ${[type.name, sampleType.type, sampleType.unit, periodType.type, periodType.unit].join(":")} ${type.scale}`;
  };
  for (const [name, expected] of [
    ["shop", "shop process_cpu:cpu:nanoseconds:cpu:nanoseconds 10000000"],
    ["shop.cpu", "shop process_cpu:cpu:nanoseconds:cpu:nanoseconds 10000000"],
    ["a.b.wall", "a.b wall:wall:nanoseconds:cpu:nanoseconds 10000000"],
    ["a.milliseconds", "a wall:wall:nanoseconds:cpu:nanoseconds 10000000"],
    ["a.exceptions", "a exceptions:samples:count:: 1"],
    ["a.bytes", "a memory:samples:bytes:: 1"],
    ["a.inuse_objects", "a memory:inuse_objects:count:: 1"],
    ["a.lock_count", "a block:contentions:count:: 1"],
    ["a.mutex_duration", "a mutex:delay:nanoseconds:: 1"],
  ]) {
    assert.equal(typeOf(name), expected);
  }
  assert.equal(typeOf("a.cpu", "0"), "a process_cpu:samples:count:: 1");
  for (const name of ["a.b", "a.", ".cpu", "a.CPU"]) assert.throws(() => typeOf(name), /unknown profile type/, name);
});

test("the sample types' display names say what a pprof is", () => {
  const named = (config: string | undefined, ...types: string[]) =>
    ingestedName(types, readDisplayNames(config === undefined ? undefined : Buffer.from(config)));
  const shown = (...names: string[]) =>
    JSON.stringify(Object.fromEntries(names.map((name, i) => [`t${i}`, { "display-name": name, units: "samples" }])));
  assert.equal(named(undefined, "samples", "cpu"), "process_cpu");
  assert.equal(named(undefined, "samples", "wall", "cpu"), "wall");
  assert.equal(named(undefined, "contentions", "delay"), "mutex");
  assert.equal(named(undefined, "goroutine"), "goroutines");
  assert.equal(named(undefined, "objects", "space"), "memory");
  assert.equal(named(undefined, "live_space", "heap"), "heap");
  assert.equal(named(undefined), "");
  // The first that tells wins; what the client says stands for all of the usual names.
  assert.equal(named(shown("block_count", "cpu"), "t0", "t1"), "block");
  assert.equal(named(shown("x", "mutex_count"), "t0", "t1"), "mutex");
  assert.equal(named("{}", "contentions", "delay"), "delay");
  assert.equal(named('{"delay":{"display-name":""}}', "contentions", "delay"), "delay");
  assert.equal(named('{"delay":{"Display-Name":"block_x","other":1}}', "contentions", "delay"), "block");
  assert.equal(named('{"samples":null}', "samples"), "samples");
  assert.equal(named("null", "samples"), "process_cpu");
  for (const [config, reason] of [
    ["[", /JSON/],
    ["[]", /not a JSON object/],
    ["5", /not a JSON object/],
    ['{"cpu":5}', /"cpu" is not a JSON object/],
    ['{"cpu":{"display-name":5}}', /display-name is no string/],
    ['{"cpu":{"sampled":"yes"}}', /sampled is no boolean/],
  ] as const) {
    assert.throws(() => named(config, "cpu"), reason, config);
  }
});
