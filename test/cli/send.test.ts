import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, it } from "node:test";
import { permanent, retryable } from "../../src/component/errors.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { withPipelines } from "../support/build-from-yaml.js";
import { cli } from "../support/cli-run.js";
import { freePort } from "../support/free-port.js";
import { allRecorded, recordedFiles } from "../support/recorded.js";
import { createTestComponents, type TestComponents } from "../support/test-components.js";

const samples = allRecorded().reduce((sum, profiles) => sum + profiles.sampleCount, 0);

function endTimes(profiles: Profiles): bigint[] {
  const all = profiles.resources.flatMap(({ scopes }) => scopes.flatMap((scope) => scope.profiles));
  return all.map((profile) => profile.timeUnixNano + profile.durationNano);
}

interface Ends {
  readonly grpc: string;
  readonly http: string;
}

/** An OTLP receiver in front of a sink. */
async function withReceiver(test: TestComponents, work: (ends: Ends) => Promise<void>): Promise<void> {
  const [grpc, http] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const yaml = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "${grpc}"}, http: {endpoint: "${http}"}}}
exporters:
  sink:
service:
  pipelines:
    profiles: {receivers: [otlp], exporters: [sink]}
`;
  await withPipelines(yaml, () => work({ grpc, http: `http://${http}` }), { test });
}

describe("send", () => {
  for (const protocol of ["grpc", "http"] as const) {
    for (const flags of [[], ["--gzip"], ["--concurrency", "3"], ["--shift-time", "now"]]) {
      it(`delivers files over ${protocol} ${flags.join(" ")}`, async () => {
        const test = createTestComponents();
        await withReceiver(test, async (ends) => {
          const { code, stdout, stderr } = await cli([
            "send",
            "--endpoint",
            ends[protocol],
            ...flags,
            ...recordedFiles,
          ]);
          assert.equal(stderr, "");
          assert.match(
            stdout,
            new RegExp(`^sent ${recordedFiles.length} requests \\(${samples} samples, \\d+ bytes\\) to `),
          );
          assert.equal(code, 0);
          assert.equal(test.sinks.get("sink")?.sampleCount(), samples);
        });
      });
    }
  }

  it("moves times so that the newest profile ends now, in every round, and keeps the distances", async () => {
    const test = createTestComponents();
    const distances = (times: readonly bigint[]) => times.map((time) => time - times[0]);
    const before = allRecorded().flatMap(endTimes);
    await withReceiver(test, async ({ grpc }) => {
      const startMs = Date.now();
      const flags = ["--endpoint", grpc, "--concurrency", "1", "--repeat", "2", "--shift-time", "now"];
      await cli(["send", ...flags, ...recordedFiles]);
      const endMs = Date.now();
      const after = test.sinks.get("sink")?.taken.flatMap(({ profiles }) => endTimes(profiles)) ?? [];
      for (const round of [after.slice(0, before.length), after.slice(before.length)]) {
        assert.deepEqual(distances(round), distances(before));
        // The newest time of a batch is good to a microsecond.
        const newestMs = Number(round.reduce((a, b) => (a > b ? a : b)) / 1000n) / 1000;
        assert.ok(newestMs >= startMs - 0.01 && newestMs <= endMs + 0.01, `${startMs} <= ${newestMs} <= ${endMs}`);
      }
    });
  });

  it("repeats, at a rate", async () => {
    const test = createTestComponents();
    await withReceiver(test, async ({ grpc }) => {
      const startMs = performance.now();
      const argv = ["send", "--endpoint", grpc, "--repeat", "3", "--rate", "20", recordedFiles[0]];
      assert.equal((await cli(argv)).code, 0);
      assert.equal(test.sinks.get("sink")?.taken.length, 3);
      assert.ok(performance.now() - startMs >= 100, "the third is due after 2/20 s");
    });
  });

  it("sends until it is interrupted with --repeat 0", async () => {
    const stops = new EventEmitter();
    let count = 0;
    const test = createTestComponents(() => {
      count += 1;
      if (count === 5) stops.emit("SIGINT");
    });
    await withReceiver(test, async ({ grpc }) => {
      const { code, stdout } = await cli(
        ["send", "--endpoint", grpc, "--concurrency", "1", "--repeat", "0", recordedFiles[0]],
        { stops },
      );
      assert.equal(code, 0);
      assert.match(stdout, /^sent 5 requests /);
      assert.deepEqual(stops.eventNames(), []);
    });
  });

  it("says what was refused and why, and fails", async () => {
    let count = 0;
    const answers = [undefined, permanent("backend said no", { httpStatus: 422 }), retryable("full")];
    const test = createTestComponents(() => {
      const answer = answers[count++ % answers.length];
      if (answer) throw answer;
    });
    await withReceiver(test, async ({ http }) => {
      const { code, stdout } = await cli([
        "send",
        "--endpoint",
        http,
        "--concurrency",
        "1",
        ...recordedFiles.slice(0, 6),
      ]);
      assert.equal(code, 1);
      const lines = stdout.trimEnd().split("\n");
      assert.match(lines[0], /^sent 2 requests /);
      assert.deepEqual(lines.slice(1), [
        "refused: 4 requests",
        "  2 x HTTP 422: backend said no",
        "  2 x HTTP 503: full",
      ]);
    });
  });

  it("sends what it can't read, for the receiver to judge", async () => {
    await withReceiver(createTestComponents(), async ({ grpc }) => {
      const { code, stdout } = await cli(["send", "--endpoint", grpc, "package.json"]);
      assert.equal(code, 1);
      assert.match(stdout, /\nrefused: 1 requests\n {2}1 x INVALID_ARGUMENT: /);
      const shifted = await cli(["send", "--endpoint", grpc, "--shift-time", "now", "package.json"]);
      assert.equal(shifted.code, 1);
      assert.match(shifted.stderr, /^Error: package\.json: times can't be moved, this is no valid request: /);
    });
  });

  it("says that nobody listens", async () => {
    const { code, stdout } = await cli(["send", "--endpoint", `127.0.0.1:${await freePort()}`, recordedFiles[0]]);
    assert.equal(code, 1);
    assert.match(stdout, /refused: 1 requests\n {2}1 x UNAVAILABLE: .*ECONNREFUSED/);
  });

  it("refuses what makes no sense", async () => {
    for (const [argv, message] of [
      [
        ["send", "--endpoint", "ftp://a:1", "x"],
        'Error: --endpoint: unknown scheme "ftp" (grpc, grpcs, http or https)\n',
      ],
      [["send", "--header", "novalue", "x"], 'Error: --header "novalue": write name=value\n'],
      [["send", "nosuch.pb"], "Error: cannot read nosuch.pb: ENOENT: no such file or directory, open 'nosuch.pb'\n"],
    ] as const) {
      assert.deepEqual(await cli(argv), { code: 1, stdout: "", stderr: message });
    }
  });
});
