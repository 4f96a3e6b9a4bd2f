import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { featureGates, parseFeatureGates } from "../../src/config/feature-gates.js";
import { parseId, parsePipelineId } from "../../src/config/id.js";
import { advice, suggest } from "../../src/config/suggest.js";

describe("ids", () => {
  it("are a type, or a type and a name after the first slash", () => {
    assert.deepEqual(parseId("otlp"), { id: "otlp", type: "otlp", name: "" });
    assert.deepEqual(parseId("otlp/a/b-c.d"), { id: "otlp/a/b-c.d", type: "otlp", name: "a/b-c.d" });
    assert.deepEqual(parseId(" otlp / x "), { id: "otlp/x", type: "otlp", name: "x" });
    assert.deepEqual(parseId(`${"a".repeat(63)}/${"b".repeat(1024)}`), {
      id: `${"a".repeat(63)}/${"b".repeat(1024)}`,
      type: "a".repeat(63),
      name: "b".repeat(1024),
    });
  });

  it("say what is wrong with them", () => {
    const error = (text: string) => {
      const parsed = parseId(text);
      assert.ok("error" in parsed, text);
      return parsed.error;
    };
    assert.equal(error(""), "id must not be empty");
    assert.equal(error("otlp/"), 'in "otlp/" id: the part after / should not be empty');
    assert.equal(error("/x"), 'in "/x" id: the part before / should not be empty');
    assert.match(error("o-tlp"), /^in "o-tlp" id: invalid character\(s\) in type "o-tlp"/);
    assert.match(error("_a"), /invalid character\(s\) in type/);
    assert.match(error("a".repeat(64)), /invalid character\(s\) in type/);
    assert.match(error("otlp/a+b"), /invalid character\(s\) in name "a\+b"/);
    assert.match(error("otlp/a\u0000b"), /invalid character\(s\) in name/);
    assert.match(error(`otlp/${"b".repeat(1025)}`), /invalid character\(s\) in name/);
  });

  it("of pipelines begin with a signal, in lower case", () => {
    assert.deepEqual(parsePipelineId("profiles/x"), { id: "profiles/x", type: "profiles", name: "x" });
    assert.ok(!("error" in parsePipelineId("traces")));
    assert.deepEqual(parsePipelineId("Profiles"), { error: 'in "Profiles" id: unknown pipeline signal: "Profiles"' });
  });
});

describe("did you mean", () => {
  it("finds slips of the pen, swaps and other case, and nothing far off", () => {
    const words = ["endpoint", "timeout", "tls", "sending_queue"];
    assert.equal(suggest("endpont", words), "endpoint");
    assert.equal(suggest("tiemout", words), "timeout");
    assert.equal(suggest("Timeout", words), "timeout");
    assert.equal(suggest("tsl", words), "tls");
    assert.equal(suggest("queue", words), undefined);
    assert.equal(suggest("x", words), undefined);
    assert.equal(suggest("x".repeat(100_000), words), undefined);
  });

  it("names the choice where nothing is near and the choice is short", () => {
    assert.equal(advice("zzz", ["b", "a"]), " (valid: a, b)");
    assert.equal(advice("zzz", []), "");
    assert.equal(
      advice(
        "zzz",
        Array.from({ length: 21 }, (_, i) => `key${i}`),
      ),
      "",
    );
  });
});

describe("feature gates", () => {
  it("of the Collector are all accepted", () => {
    const changeable = featureGates.map(({ id }) => id);
    assert.deepEqual(parseFeatureGates([changeable.join(","), "+service.profilesSupport"]).errors, []);
    assert.ok(parseFeatureGates([]).enabled.has("service.profilesSupport"));
    assert.ok(parseFeatureGates(["service.AllowNoPipelines"]).enabled.has("service.AllowNoPipelines"));
    assert.equal(
      parseFeatureGates(["-service.partialReloadReceivers"]).enabled.has("service.partialReloadReceivers"),
      false,
    );
    assert.deepEqual(parseFeatureGates(["", "service.profilesSupport"]).warnings, []);
  });

  it("that are unknown, empty or fixed are errors", () => {
    const { errors } = parseFeatureGates(["a.b,,-service.profilesSupport"]);
    assert.equal(errors.length, 3);
    assert.match(errors[0], /^no such feature gate "a\.b"\. valid gates: \[confmap\.enableMergeAppendOption .*\]$/);
    assert.equal(errors[1], "empty feature gate identifier at index 1");
    assert.equal(errors[2], 'feature gate "service.profilesSupport" is stable, can not be disabled');
  });
});
