import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createSink } from "../../support/consumers.js";
import { recordedRequest, send } from "./client.js";
import { startReceiver, summary } from "./setup.js";

interface Recording {
  file: string;
  app_name?: string;
  profiles: {
    series_labels?: Record<string, string>;
    sample_types: { type: string; unit: string; total: number }[];
    period: string;
    time_nanos: string;
    duration_nanos: string;
  }[];
}

const manifest = JSON.parse(readFileSync("test/fixtures/wire/manifest.json", "utf8")) as Recording[];
const ofClients = manifest.filter(({ file }) =>
  /^(grafana-alloy\/[a-z]+-[a-z_]+|pyroscope-(go|nodejs|io-python)\/\d+)\.bin$/.test(file),
);

/** As pyroscope-go's goroutine, mutex and block profiles arrive, by the file's number. */
const goNames: Readonly<Record<string, string>> = { "0": "process_cpu", "1": "memory", "2": "goroutines" };

function labelsOf(appName: string): Record<string, string> {
  const [, app, list] = /^([^{]*)\{(.*)\}$/.exec(appName) ?? [];
  const labels = Object.fromEntries(list.split(",").map((pair) => pair.split("=")));
  return { service_name: app, __delta__: "false", ...labels };
}

/** Labels as the receiver is expected to keep them. */
function expectedResource({ app_name, profiles }: Recording, i: number): Record<string, string> {
  const {
    service_name,
    __name__,
    pyroscope_spy: _spy,
    ...labels
  } = profiles[i].series_labels ?? labelsOf(app_name ?? "");
  return { "service.name": service_name, ...labels };
}

function nameOf(types: readonly string[], file: string): string {
  if (types.includes("wall")) return "wall";
  if (types.includes("cpu")) return goNames["0"];
  if (types.includes("inuse_space")) return goNames["1"];
  if (types.includes("goroutine")) return goNames["2"];
  return readFileSync(`test/fixtures/wire/${file}`).includes("block_count") ? "block" : "mutex";
}

test("there are recordings of four clients", () => assert.equal(ofClients.length, 35));

for (const recording of ofClients) {
  test(`${recording.file} arrives with its labels, names, times and totals`, async (t) => {
    const sink = createSink();
    const { port } = await startReceiver(t, sink);
    const reply = await send(port, recordedRequest(recording.file.replace(".bin", "")));
    assert.equal(reply.status, 200, reply.body.toString());
    const found = summary(sink.taken[0].profiles).map(({ capture: _capture, ...one }) => {
      const { pyroscope_spy: _spy, ...resource } = one.resource;
      return { ...one, resource };
    });
    const expected = recording.profiles.flatMap((profile, i) =>
      profile.sample_types.map(({ type, unit, total }) => ({
        resource: expectedResource(recording, i),
        name:
          profile.series_labels?.__name__ ??
          nameOf(
            profile.sample_types.map((one) => one.type),
            recording.file,
          ),
        type: `${type}/${unit}`,
        period: profile.period,
        timeUnixNano: BigInt(profile.time_nanos),
        durationNano: BigInt(profile.duration_nanos),
        total: BigInt(total),
      })),
    );
    assert.deepEqual(found, expected);
  });
}
