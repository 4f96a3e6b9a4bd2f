import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { background, withContext } from "../../../src/component/context.js";
import { PipelineError } from "../../../src/component/errors.js";
import { decodePush } from "../../support/pprof-oracle.js";
import type { Answer } from "../../support/pyroscope-double.js";
import { services, takenMs, withRig } from "./setup.js";

const cpu = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const slow: Answer = { status: 504, code: "deadline_exceeded", message: "timeout" };
const broken: Answer = { status: 500, code: "unknown", message: "gzip reset: EOF" };
const invalid: Answer = { status: 400, code: "invalid_argument", message: "no" };

/** What a send came to: "taken", or the error. */
async function outcome(sending: Promise<void>): Promise<PipelineError | "taken"> {
  try {
    await sending;
    return "taken";
  } catch (caught) {
    assert.ok(caught instanceof PipelineError, String(caught));
    return caught;
  }
}

async function failure(sending: Promise<void>): Promise<PipelineError> {
  const caught = await outcome(sending);
  assert.ok(caught !== "taken");
  return caught;
}

describe("answers", () => {
  const table: [Answer, kind: string, retryAfterMs?: number][] = [
    [invalid, "permanent"],
    [{ status: 401, code: "unauthenticated", message: "no org id" }, "permanent"],
    [{ status: 404, text: "404 page not found" }, "permanent"],
    [{ status: 415 }, "permanent"],
    [{ status: 413, text: "too large" }, "permanent"],
    [{ status: 302, headers: { location: "/login" } }, "permanent"],
    [{ status: 200, headers: { "content-type": "text/html; charset=utf-8" }, text: "<html>" }, "permanent"],
    [{ status: 501, code: "unimplemented", message: "no" }, "permanent"],
    [
      {
        status: 429,
        code: "resource_exhausted",
        message: "message size 283115625 is larger than configured max 268435456",
      },
      "permanent",
    ],
    [{ status: 429, code: "resource_exhausted", message: "push rate limit (4.0 MiB) exceeded" }, "retryable"],
    [{ status: 429, headers: { "retry-after": "7" } }, "retryable", 7000],
    [{ status: 503, code: "unavailable", message: "no", headers: { "retry-after": "2" } }, "retryable", 2000],
    [{ status: 503, text: "upstream connect error" }, "retryable"],
    [{ status: 502, text: "bad gateway" }, "retryable"],
    [{ status: 408 }, "retryable"],
    [slow, "retryable"],
    [{ status: 499, code: "canceled", message: "gone" }, "retryable"],
    [{ status: 500, code: "internal", message: "panic" }, "retryable"],
    [broken, "retryable"],
    [{ status: 500, text: "oops" }, "retryable"],
  ];
  for (const [answer, kind, retryAfterMs] of table) {
    it(`${answer.status} ${answer.message ?? answer.text ?? ""} is ${kind}`, async () => {
      await withRig({}, async ({ double, send }) => {
        double.intercept = () => answer;
        const error = await failure(send(services("a"), background));
        assert.equal(error.kind, kind);
        assert.equal(error.retryAfterMs, retryAfterMs);
        if (answer.message) assert.ok(error.message.includes(answer.message));
        if (kind === "permanent" && answer.status >= 400) {
          assert.equal(error.httpStatus, answer.status === 429 ? 413 : answer.status);
        }
      });
    });
  }

  it("an endpoint that nobody serves may be tried again", async () => {
    await withRig({}, async ({ double, send }) => {
      await double.close();
      assert.equal((await failure(send(services("a"), background))).kind, "retryable");
    });
  });

  it("a push without an answer in time may be tried again", async () => {
    await withRig({ timeout: "50ms" }, async ({ double, send }) => {
      double.intercept = () => new Promise(() => {});
      const error = await failure(send(services("a"), background));
      assert.equal(error.kind, "retryable");
      assert.equal(error.reason, "timeout");
    });
  });
});

describe("a batch that went through in part", () => {
  it("is continued, never sent again from its beginning", async () => {
    await withRig({ max_concurrency: 2 }, async ({ double, send }) => {
      const batch = services("a", "b", "c", "d", "e", "f");
      let failures = 3;
      double.intercept = () => (double.pushes.length % 2 === 0 && failures-- > 0 ? slow : undefined);
      let attempts = 0;
      for (let done = false; !done; attempts++) {
        const result = await outcome(send(batch, background));
        if (result === "taken") done = true;
        else assert.equal(result.kind, "retryable");
      }
      assert.ok(attempts > 1);
      assert.equal(double.pushes.length, 6 + 3);
      assert.deepEqual(double.stored.map(({ labels }) => labels.service_name).sort(), ["a", "b", "c", "d", "e", "f"]);
      assert.deepEqual(double.totals(), { [cpu]: 6n * 30n });
    });
  });

  it("is forgotten once it is through: the same batch again is new data", async () => {
    await withRig({}, async ({ double, send }) => {
      const batch = services("a");
      await send(batch, background);
      await send(batch, background);
      assert.equal(double.stored.length, 2);
    });
  });

  it("stops taking pushes up while Pyroscope takes none", async () => {
    await withRig({ max_concurrency: 2 }, async ({ double, send }) => {
      double.intercept = () => slow;
      const names = Array.from({ length: 50 }, (_, i) => `s${i}`);
      assert.equal((await failure(send(services(...names), background))).kind, "retryable");
      assert.ok(double.pushes.length <= 2, `${double.pushes.length} pushes`);
    });
  });

  it("one refused series is lost alone, and counted", async () => {
    await withRig({}, async ({ double, send }) => {
      double.intercept = ({ labels }) => (labels.service_name === "b" ? invalid : undefined);
      const error = await failure(send(services("a", "b", "c"), background));
      assert.equal(error.kind, "partial");
      assert.equal(error.rejectedSamples, 2);
      assert.deepEqual(double.stored.map(({ labels }) => labels.service_name).sort(), ["a", "c"]);
    });
  });

  it("what was refused for good is still counted when the rest needs another attempt", async () => {
    await withRig({ max_concurrency: 1 }, async ({ double, send }) => {
      let busy = true;
      double.intercept = ({ labels }) => {
        if (labels.service_name === "a") return invalid;
        return labels.service_name === "b" && busy ? slow : undefined;
      };
      const batch = services("a", "b", "c");
      assert.equal((await failure(send(batch, background))).kind, "retryable");
      busy = false;
      const error = await failure(send(batch, background));
      assert.deepEqual([error.kind, error.rejectedSamples], ["partial", 2]);
      assert.deepEqual(
        double.pushes.map(({ labels }) => labels.service_name),
        ["a", "b", "b", "c"],
      );
    });
  });

  it("a fault that may be the profile's own holds nobody else up, and ends after three tries", async () => {
    await withRig({}, async ({ double, send }) => {
      double.intercept = ({ labels }) => (labels.service_name === "b" ? broken : undefined);
      const batch = services("a", "b", "c");
      assert.equal((await failure(send(batch, background))).kind, "retryable");
      assert.equal(double.stored.length, 2);
      assert.equal((await failure(send(batch, background))).kind, "retryable");
      const error = await failure(send(batch, background));
      assert.deepEqual([error.kind, error.rejectedSamples], ["partial", 2]);
      assert.equal(double.pushes.length, 2 + 3);
    });
  });

  it("wrong credentials end the whole batch at once", async () => {
    await withRig({ max_concurrency: 2 }, async ({ double, send, lines }) => {
      double.intercept = () => ({ status: 401, code: "unauthenticated", message: "no org id" });
      const names = Array.from({ length: 50 }, (_, i) => `s${i}`);
      const error = await failure(send(services(...names), background));
      assert.deepEqual([error.kind, error.httpStatus], ["permanent", 401]);
      assert.ok(double.pushes.length <= 2);
      await failure(send(services("again"), background));
      assert.equal(lines.filter(({ level }) => level === "warn").length, 1);
      double.intercept = () => undefined;
      await send(services("a"), background);
      assert.equal(lines.at(-1)?.message, "Pyroscope takes all profiles again.");
    });
  });

  it("a caller that goes away cuts it off, and what was not sent is sent later", async () => {
    await withRig({ max_concurrency: 1 }, async ({ double, send }) => {
      const gone = new AbortController();
      double.intercept = () => {
        if (double.pushes.length === 2) gone.abort();
        return undefined;
      };
      const batch = services("a", "b", "c");
      const error = await failure(send(batch, withContext(background, { signal: gone.signal })));
      assert.equal(error.kind, "retryable");
      assert.equal(double.pushes.length, 2);
      await send(batch, background);
      // The one under way when the caller went may have been taken: it is sent again.
      assert.equal(double.pushes.length, 4);
    });
  });
});

describe("what is on the wire", () => {
  it("no more pushes at once than max_concurrency, over all batches", async () => {
    await withRig({ max_concurrency: 3 }, async ({ double, send }) => {
      let most = 0;
      const held: (() => void)[] = [];
      // Answered when three are under way, or the last have come; a fourth would be seen before that.
      double.intercept = async () => {
        const answered = new Promise<void>((resolve) => held.push(resolve));
        if (held.length >= 3 || double.pushes.length === 20) {
          setTimeout(() => {
            most = Math.max(most, held.length);
            for (const answer of held.splice(0)) answer();
          }, 10);
        }
        await answered;
        return undefined;
      };
      const names = Array.from({ length: 10 }, (_, i) => `s${i}`);
      await Promise.all([send(services(...names), background), send(services(...names), background)]);
      assert.equal(double.stored.length, 20);
      assert.equal(most, 3);
    });
  });

  it("the tenant by value, by metadata, or one for those without", async () => {
    const tenant = async (config: object, key?: string) => {
      let seen: unknown;
      await withRig({ tenant: config }, async ({ double, send }) => {
        const metadata = new Map(key === undefined ? [] : [["x-team", [key]]]);
        await send(services("a"), withContext(background, { metadata }));
        seen = double.pushes[0].headers["x-scope-orgid"];
      });
      return seen;
    };
    assert.equal(await tenant({ value: "one" }), "one");
    assert.equal(await tenant({ from_metadata: "X-Team" }, "two"), "two");
    assert.equal(await tenant({ from_metadata: "x-team" }), undefined);
    assert.equal(await tenant({ from_metadata: "x-team", value: "one" }), "one");
    assert.equal(await tenant({ from_metadata: "x-team", value: "one" }, "two"), "two");
  });

  it("credentials and configured headers", async () => {
    const headers = async (config: Record<string, unknown>) => {
      let seen: Record<string, unknown> = {};
      await withRig(config, async ({ double, send }) => {
        await send(services("a"), background);
        seen = double.pushes[0].headers;
      });
      return seen;
    };
    const basic = await headers({ basic_auth: { username: "me", password: "geheim" }, headers: { "X-Own": "1" } });
    assert.equal(basic.authorization, `Basic ${Buffer.from("me:geheim").toString("base64")}`);
    assert.equal(basic["x-own"], "1");
    assert.equal((await headers({ bearer_token: "t" })).authorization, "Bearer t");
    assert.equal((await headers({})).authorization, undefined);
  });

  it("too many labels are left out, counted and said once", async () => {
    await withRig({ sample_labels: ["k"] }, async ({ double, send, lines, settings }) => {
      const batch = services("a", "b");
      for (const resource of batch.resources) {
        const more = Array.from({ length: 40 }, (_, i) => ({
          key: `os.l${String(i).padStart(2, "0")}`,
          value: { type: "string", value: "v" } as const,
          unit: "",
        }));
        resource.setAttributes([...resource.attributes, ...more]);
      }
      await send(batch, background);
      // One place is kept for the sample label.
      for (const { body } of double.pushes) assert.equal(decodePush(body).series[0].labels.length, 29);
      assert.equal(double.stored.length, 2);
      const text = await settings.metrics.text();
      assert.match(text, /flamepipe_pyroscope_dropped_labels_total\{component="pyroscope"\} 26\n/);
      assert.equal(lines.filter(({ level }) => level === "warn").length, 1);
    });
  });
});

describe("drop_older_than", () => {
  it("leaves out what is older, at the time of sending", async () => {
    await withRig({ drop_older_than: "55m" }, async (rig) => {
      const batch = services("a", "b");
      rig.nowMs = takenMs + 55 * 60_000;
      rig.double.intercept = ({ labels }) => (labels.service_name === "b" ? slow : undefined);
      assert.equal((await failure(rig.send(batch, background))).kind, "retryable");
      rig.double.intercept = () => undefined;
      rig.nowMs++;
      const error = await failure(rig.send(batch, background));
      assert.deepEqual([error.kind, error.reason], ["partial", "too_old"]);
      assert.equal(rig.double.stored.length + error.rejectedSamples / 2, 2);
    });
  });

  it("is off by default: Pyroscope says what is too old", async () => {
    await withRig({}, async (rig) => {
      rig.nowMs = takenMs + 61 * 60_000;
      const error = await failure(rig.send(services("a"), background));
      assert.deepEqual([error.kind, error.httpStatus], ["permanent", 400]);
      assert.equal(rig.double.pushes.length, 1);
    });
  });
});
