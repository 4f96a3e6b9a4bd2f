import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { badInput, Code, PipelineError, permanent, retryable, throttled } from "../../src/component/errors.js";
import {
  answerFor,
  codeFromHttpStatus,
  errorFromGrpcStatus,
  errorFromHttpStatus,
  formatRetryAfter,
  httpStatusFromCode,
  isRetryableCode,
  maxRetryAfterMs,
  parseRetryAfterMs,
} from "../../src/net/status.js";

const codes = Object.entries(Code);

describe("gRPC codes", () => {
  it("map to HTTP as the Collector maps them, all 17", () => {
    const table = Object.fromEntries(codes.map(([name, code]) => [name, httpStatusFromCode(code)]));
    assert.deepEqual(table, {
      OK: 200,
      CANCELLED: 503,
      UNKNOWN: 500,
      INVALID_ARGUMENT: 400,
      DEADLINE_EXCEEDED: 503,
      NOT_FOUND: 500,
      ALREADY_EXISTS: 500,
      PERMISSION_DENIED: 403,
      RESOURCE_EXHAUSTED: 429,
      FAILED_PRECONDITION: 500,
      ABORTED: 503,
      OUT_OF_RANGE: 503,
      UNIMPLEMENTED: 404,
      INTERNAL: 500,
      UNAVAILABLE: 503,
      DATA_LOSS: 503,
      UNAUTHENTICATED: 401,
    });
  });

  it("are retryable as OTLP says, RESOURCE_EXHAUSTED only with RetryInfo", () => {
    const always = codes.filter(([, code]) => isRetryableCode(code, false)).map(([name]) => name);
    const withInfo = codes.filter(([, code]) => isRetryableCode(code, true)).map(([name]) => name);
    assert.deepEqual(always, ["CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"]);
    assert.deepEqual(
      withInfo.filter((name) => !always.includes(name)),
      ["RESOURCE_EXHAUSTED"],
    );
  });

  it("become errors of the right kind that keep the code", () => {
    for (const [name, code] of codes) {
      if (code === 0) continue;
      const error = errorFromGrpcStatus(code, "why", undefined);
      assert.equal(error.kind, isRetryableCode(code, false) ? "retryable" : "permanent", name);
      assert.equal(error.code, code, name);
    }
    assert.equal(errorFromGrpcStatus(8, "slow", 1500).kind, "retryable");
    assert.equal(errorFromGrpcStatus(8, "slow", 1500).retryAfterMs, 1500);
    assert.equal(errorFromGrpcStatus(14, "later", 1e12).retryAfterMs, maxRetryAfterMs);
    assert.equal(errorFromGrpcStatus(99, "odd", undefined).code, Code.UNKNOWN);
    assert.equal(errorFromGrpcStatus(Number.NaN, "odd", undefined).code, Code.UNKNOWN);
  });
});

describe("HTTP statuses", () => {
  it("become errors: 429, 502, 503, 504 retryable, the rest permanent with their status", () => {
    for (let status = 400; status < 600; status++) {
      const error = errorFromHttpStatus(status, "why", "7");
      const retries = [429, 502, 503, 504].includes(status);
      assert.equal(error.kind, retries ? "retryable" : "permanent", String(status));
      assert.equal(error.httpStatus, status);
      assert.equal(error.code, codeFromHttpStatus(status));
      assert.equal(error.retryAfterMs, status === 429 || status === 503 ? 7000 : undefined, String(status));
    }
  });

  it("that redirect are permanent and not passed on to our own sender", () => {
    const error = errorFromHttpStatus(302, "moved", undefined);
    assert.equal(error.kind, "permanent");
    assert.deepEqual(pick(answerFor(error)), [13, 500, undefined]);
  });
});

const pick = (answer: ReturnType<typeof answerFor>) => [answer.code, answer.httpStatus, answer.retryAfterMs];

describe("answers", () => {
  it("follow the error's kind", () => {
    assert.deepEqual(pick(answerFor(badInput("x"))), [3, 400, undefined]);
    assert.deepEqual(pick(answerFor(permanent("x"))), [13, 500, undefined]);
    assert.deepEqual(pick(answerFor(retryable("queue is full"))), [14, 503, undefined]);
    assert.deepEqual(pick(answerFor(retryable("later", { retryAfterMs: 2500 }))), [14, 503, 2500]);
    assert.deepEqual(pick(answerFor(throttled("x", 2000))), [8, 429, 2000]);
    assert.deepEqual(pick(answerFor(new PipelineError("config", "x"))), [13, 500, undefined]);
  });

  it("keep a backend's permanent status", () => {
    for (const status of [400, 401, 403, 404, 413, 422, 501]) {
      assert.equal(answerFor(errorFromHttpStatus(status, "x", undefined)).httpStatus, status);
    }
    for (const code of [2, 3, 5, 6, 7, 9, 12, 13, 16]) {
      assert.equal(answerFor(errorFromGrpcStatus(code, "x", undefined)).code, code);
    }
  });

  it("never invite a retry of a permanent error", () => {
    for (const [name, code] of codes) {
      const answer = answerFor(permanent("x", { code }));
      assert.equal(isRetryableCode(answer.code, answer.retryAfterMs !== undefined), false, name);
      assert.ok(![429, 502, 503, 504].includes(answer.httpStatus), `${name} ${answer.httpStatus}`);
      assert.ok(answer.httpStatus >= 400, name);
      assert.notEqual(answer.code, 0);
    }
    for (const httpStatus of [200, 302, 429, 502, 503, 504]) {
      assert.equal(answerFor(permanent("x", { httpStatus })).httpStatus, 500);
    }
    assert.deepEqual(pick(answerFor(errorFromGrpcStatus(8, "quota", undefined))), [8, 413, undefined]);
  });

  it("always invite a retry of a retryable error", () => {
    for (const [name, code] of codes) {
      const answer = answerFor(retryable("x", { code, httpStatus: code === 4 ? 504 : undefined }));
      assert.equal(isRetryableCode(answer.code, answer.retryAfterMs !== undefined), true, name);
      assert.ok([429, 502, 503, 504].includes(answer.httpStatus), `${name} ${answer.httpStatus}`);
    }
    assert.deepEqual(pick(answerFor(retryable("x", { code: 8 }))), [8, 429, 1000]);
    assert.equal(answerFor(retryable("x", { httpStatus: 400 })).httpStatus, 503);
  });

  it("cut long messages and repair half surrogate pairs", () => {
    const answer = answerFor(permanent(`\ud800${"ü".repeat(5000)}`));
    assert.ok(answer.message.length <= 1024);
    assert.equal(answer.message[0], "\ufffd");
    encodeURI(answer.message);
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2026-11-23T12:00:00Z");
  it("is seconds or an HTTP-date in any of its three forms", () => {
    assert.equal(parseRetryAfterMs("120", now), 120_000);
    assert.equal(parseRetryAfterMs(" 0 ", now), 0);
    assert.equal(parseRetryAfterMs("Mon, 23 Nov 2026 12:00:30 GMT", now), 30_000);
    assert.equal(parseRetryAfterMs("Monday, 23-Nov-26 12:00:30 GMT", now), 30_000);
    assert.equal(parseRetryAfterMs("Mon Nov 23 12:00:30 2026", now), 30_000);
  });

  it("is ignored when past or garbage and capped when huge", () => {
    assert.equal(parseRetryAfterMs("Mon, 23 Nov 2026 11:59:59 GMT", now), undefined);
    for (const garbage of [
      undefined,
      "",
      "soon",
      "-5",
      "1.5",
      "1e9",
      "0x10",
      "Mon",
      "Mon, 99 Foo 2026 12:00:00 GMT",
      "NaN",
    ]) {
      assert.equal(parseRetryAfterMs(garbage, now), undefined, garbage);
    }
    assert.equal(parseRetryAfterMs("99999999999999999999", now), maxRetryAfterMs);
    assert.equal(parseRetryAfterMs("Fri, 31 Dec 9999 23:59:59 GMT", now), maxRetryAfterMs);
  });

  it("is written rounded up", () => {
    assert.deepEqual([0, 1, 1000, 1001].map(formatRetryAfter), ["0", "1", "1", "2"]);
  });
});
