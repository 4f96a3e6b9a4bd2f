import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { sendTo, stacksOf } from "../receivers/ebpf/rig.js";
import { withPipelines } from "../support/build-from-yaml.js";
import { freePort } from "../support/free-port.js";

it("a recorded stream of bpftrace arrives with its total through attributes, relabel and batch", async () => {
  const port = await freePort();
  const text = `
receivers:
  ebpf: {listen: {endpoint: "127.0.0.1:${port}", format: bpftrace_json}, proc: /no/proc}
processors:
  attributes: {context: sample, actions: [{action: delete, key: thread.name}]}
  relabel: {rules: [{source_labels: [process.executable.name], target_label: service.name}]}
  batch: {timeout: 1ms}
exporters: {sink: }
service: {pipelines: {profiles: {receivers: [ebpf], processors: [attributes, relabel, batch], exporters: [sink]}}}
`;
  const { sinks, metrics } = await withPipelines(text, () =>
    sendTo({ port, host: "127.0.0.1" }, [readFileSync("test/fixtures/wire/bpftrace/count.jsonl")]),
  );
  const stacks = (sinks.get("sink")?.taken ?? []).flatMap(({ profiles }) => stacksOf(profiles));
  assert.equal(
    stacks.reduce((sum, { value }) => sum + value, 0n),
    11_703n,
  );
  const orders = stacks.filter(({ resource }) => resource["service.name"] === "orders");
  const busy = orders.filter(({ stack }) => stack.includes("main.processOrder"));
  assert.equal(
    busy.reduce((sum, { value }) => sum + value, 0n),
    193n,
  );
  assert.ok(stacks.every(({ sample }) => sample["thread.name"] === undefined));
  assert.equal(await metrics.total("flamepipe_ebpf_samples_total"), 11_703);
});
