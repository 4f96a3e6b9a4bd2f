import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  decodeExportResponse,
  decodeExportResponseJson,
  encodeExportResponse,
  encodeExportResponseJson,
} from "../../src/proto/export-response.js";
import { decodeStatus, decodeStatusJson, encodeStatus, encodeStatusJson } from "../../src/proto/status.js";

describe("google.rpc.Status", () => {
  it("is written as other implementations write it", () => {
    const bytes = encodeStatus({ code: 8, message: "no", retryDelayMs: 1500 });
    const type = "type.googleapis.com/google.rpc.RetryInfo";
    const duration = "0801" + "1080cab5ee01";
    const info = `0a08${duration}`;
    const any = `0a${type.length.toString(16)}${Buffer.from(type).toString("hex")}120a${info}`;
    assert.equal(bytes.toString("hex"), `080812026e6f1a${(any.length / 2).toString(16)}${any}`);
  });

  it("comes back as it was", () => {
    for (const retryDelayMs of [undefined, 0, 1, 999.5, 1000, 3_600_000]) {
      for (const code of [0, 3, 16]) {
        const status = { code, message: "grün", retryDelayMs };
        assert.deepEqual(decodeStatus(encodeStatus(status)), status);
      }
    }
  });

  it("is undefined for broken bytes, and never throws", () => {
    const bytes = encodeStatus({ code: 8, message: "slow down", retryDelayMs: 1500 });
    for (let cut = 1; cut < bytes.length; cut++) decodeStatus(bytes.subarray(0, cut));
    for (const broken of ["ff", "08", "0aff", "1203", "0b", "00", "12ffffffffffffffffff01"]) {
      assert.equal(decodeStatus(Buffer.from(broken, "hex")), undefined, broken);
    }
  });

  it("counts a negative delay as none to wait for", () => {
    const bytes = encodeStatus({ code: 14, message: "", retryDelayMs: -5000 });
    assert.equal(decodeStatus(bytes)?.retryDelayMs, 0);
  });

  it("has a JSON form", () => {
    const json = JSON.parse(encodeStatusJson({ code: 8, message: "slow", retryDelayMs: 1500 }).toString());
    assert.deepEqual(json, {
      code: 8,
      message: "slow",
      details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "1.5s" }],
    });
    assert.equal(
      encodeStatusJson({ code: 3, message: "x", retryDelayMs: undefined }).toString(),
      '{"code":3,"message":"x"}',
    );
    assert.deepEqual(decodeStatusJson(Buffer.from('{"code":5,"message":"gone"}')), { code: 5, message: "gone" });
    for (const bad of ["", "null", "7", "{"]) assert.equal(decodeStatusJson(Buffer.from(bad)), undefined, bad);
  });
});

describe("ExportProfilesServiceResponse", () => {
  it("is empty for success and carries a partial success exactly", () => {
    assert.equal(encodeExportResponse().length, 0);
    assert.equal(encodeExportResponseJson().toString(), "{}");
    for (const rejectedProfiles of [0n, 1n, 2n ** 53n + 1n, 2n ** 63n - 1n]) {
      const partial = { rejectedProfiles, errorMessage: "why" };
      assert.deepEqual(decodeExportResponse(encodeExportResponse(partial)), partial);
      assert.deepEqual(decodeExportResponseJson(encodeExportResponseJson(partial)), partial);
    }
  });

  it("is read in every form a backend may choose, and undefined where it is none", () => {
    const none = { rejectedProfiles: 0n, errorMessage: "" };
    assert.deepEqual(decodeExportResponse(Buffer.alloc(0)), none);
    assert.deepEqual(decodeExportResponseJson(Buffer.from('{"partial_success":{"rejected_profiles":3}}')), {
      rejectedProfiles: 3n,
      errorMessage: "",
    });
    assert.deepEqual(decodeExportResponseJson(Buffer.from("{}")), none);
    assert.equal(decodeExportResponse(Buffer.from([0x0a, 0x05, 0x08])), undefined);
    for (const bad of ["", "null", "{", '{"partialSuccess":{"rejectedProfiles":"many"}}'])
      assert.equal(decodeExportResponseJson(Buffer.from(bad)), undefined, bad);
  });
});
