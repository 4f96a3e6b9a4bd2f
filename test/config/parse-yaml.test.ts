import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toPlain } from "../../src/config/node.js";
import { parseYaml } from "../../src/config/parse-yaml.js";
import { createProblemList, formatProblem } from "../../src/config/problem.js";
import { resolvePlainScalar } from "../../src/config/scalar.js";
import { yamlLimits } from "../../src/config/yaml-syntax.js";
import { parseYamlValue } from "../../src/config/yaml-value.js";
import { cpuMs } from "../support/cpu-ms.js";

function problemsOf(text: string): string[] {
  const problems = createProblemList();
  const { node } = parseYaml(text, { file: "f", splitKeys: true }, problems);
  if (problems.problems.length === 0) assert.ok(node);
  return problems.problems.map(formatProblem);
}

function split(text: string): unknown {
  const problems = createProblemList();
  const { node } = parseYaml(text, { file: "f", splitKeys: true }, problems);
  assert.deepEqual(problems.problems, []);
  assert.ok(node);
  return toPlain(node);
}

describe("plain scalars", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["", null],
    ["~", null],
    ["NULL", null],
    ["nULL", "nULL"],
    ["True", true],
    ["tRUE", "tRUE"],
    ["yes", "yes"],
    ["off", "off"],
    ["0", 0n],
    ["-0", 0n],
    ["007", 7n],
    ["0123", 83n],
    ["0o17", 15n],
    ["08", 8],
    ["0x1F", 31n],
    ["-0x10", -16n],
    ["0b101", 5n],
    ["1_000", 1000n],
    ["_1", "_1"],
    ["+5", 5n],
    ["1e3", 1000],
    ["1.", 1],
    [".5", 0.5],
    ["-.5e-1", -0.05],
    ["1.2.3", "1.2.3"],
    ["-", "-"],
    ["9223372036854775808", 9223372036854775808n],
    ["18446744073709551615", 18446744073709551615n],
    ["18446744073709551616", 18446744073709552000],
    ["-9223372036854775809", -(2 ** 63)],
    [".inf", Number.POSITIVE_INFINITY],
    ["-.Inf", Number.NEGATIVE_INFINITY],
    [".NaN", Number.NaN],
    ["2024-01-01", "2024-01-01"],
    ["1m30s", "1m30s"],
    ["0xZZ", "0xZZ"],
  ];
  for (const [text, value] of cases) {
    it(`${JSON.stringify(text)} is ${typeof value} ${String(value)}`, () => {
      assert.deepEqual(resolvePlainScalar(text), value);
    });
  }
});

describe("YAML", () => {
  it("keeps 64-bit integers, and __proto__ as a key where the reader asks for it", () => {
    const value = parseYamlValue('{"__proto__": {"x": 9007199254740993}, "a": [1.0, 1, "1"]}') as object;
    assert.deepEqual(Object.keys(value), ["__proto__", "a"]);
    assert.deepEqual(Object.getOwnPropertyDescriptor(value, "__proto__")?.value, { x: 9007199254740993n });
    assert.deepEqual((value as { a: unknown }).a, [1, 1n, "1"]);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
  });

  it("throws one Error for a value that is none", () => {
    assert.throws(() => parseYamlValue("{a"), { message: /^cannot parse YAML: / });
    assert.throws(() => parseYamlValue("a: *b"), { message: /unknown anchor \*b/ });
  });

  it("respects quotes, block scalars and core tags", () => {
    assert.deepEqual(
      parseYamlValue("a: '5'\nb: \"true\"\nc: |\n  x\n  y\nd: >-\n  x\n  y\ne: !!str 5\nf: !!float 1\ng: !!int '7'"),
      {
        a: "5",
        b: "true",
        c: "x\ny\n",
        d: "x y",
        e: "5",
        f: 1,
        g: 7n,
      },
    );
  });

  it("reads anchors, and merge keys below what a map sets itself", () => {
    const yaml =
      "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], z: 3}\nd: {<<: *a, x: 4}\ne: *b\nf: {'<<': 1}";
    assert.deepEqual(parseYamlValue(yaml), {
      a: { x: 1n, y: 1n },
      b: { y: 2n, z: 2n },
      c: { x: 1n, y: 1n, z: 3n },
      d: { x: 4n, y: 1n },
      e: { y: 2n, z: 2n },
      f: { "<<": 1n },
    });
    assert.deepEqual(problemsOf("a: {<<: 5}"), ["f:1:9: map merge requires map or sequence of maps as the value"]);
  });

  it("reads keys with :: as paths, at every level, next to the long form", () => {
    assert.deepEqual(split("a::b::c: 1\na::b::d: 2\na: {e: {f::g: 3}}\n'::1': 4\n'x::': 5"), {
      a: { b: { c: 1n, d: 2n }, e: { f: { g: 3n } } },
      "::1": 4n,
      "x::": 5n,
    });
    assert.deepEqual(parseYamlValue("a::b: 1"), { "a::b": 1n });
  });

  it("takes numbers and words as keys, and no collections", () => {
    assert.deepEqual(parseYamlValue("1: a\nnull: b\ntrue: c"), { 1: "a", null: "b", true: "c" });
    assert.deepEqual(problemsOf("? [a]\n: 1"), ["f:1:3: a mapping key must be a plain scalar"]);
  });

  it("points at the line and column of what is wrong, after multi-byte text, CRLF and a BOM", () => {
    assert.deepEqual(problemsOf("\uFEFFé: 😀\r\n\r\nb: 1\r\nb: 2"), [
      'f:4:1: mapping key "b" already defined at line 3 (keep one of the two)',
    ]);
  });

  it("quotes nothing of the text in a syntax error, since it may be a secret", () => {
    for (const text of ['a: "x" canary', "a: [x] canary: {", "canary\nb: 1", "a: {b: c}}canary", "a: 'x' 'canary'"]) {
      const problems = problemsOf(text);
      assert.ok(problems.length > 0, text);
      assert.doesNotMatch(problems.join("\n"), /canary/, text);
    }
  });
});

describe("YAML bombs", () => {
  const levels = "abcdefghijklmnop".split("");
  const laughs = (open: string, close: string) =>
    levels
      .map((name, index) => {
        const items = index === 0 ? Array(9).fill("x") : Array(9).fill(`*${levels[index - 1]}`);
        return `${name}: &${name} ${open}${items.map((item, at) => (open === "{" ? `k${at}: ${item}` : item)).join(", ")}${close}`;
      })
      .join("\n");
  const bombs: readonly (readonly [name: string, text: string, expected: RegExp])[] = [
    ["aliases of aliases, as lists", laughs("[", "]"), /excessive aliasing/],
    ["aliases of aliases, as maps", laughs("{", "}"), /excessive aliasing/],
    ["an alias to itself", "a: &a [*a]", /anchor &a contains itself/],
    ["a merge key of itself", "a: &a {<<: *a}", /anchor &a contains itself/],
    ["open lists", "[".repeat(200_000), /nested more than 100 levels/],
    ["open maps", "{a: ".repeat(100_000), /nested more than 100 levels/],
    ["closed lists", "[".repeat(5000) + "]".repeat(5000), /nested more than 100 levels/],
    ["compact lists", "- ".repeat(50_000), /nested more than 100 levels/],
    ["compact keys", "? ".repeat(50_000), /nested more than 100 levels/],
    [
      "indented maps",
      Array.from({ length: 500 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
      /nested more than 100 levels/,
    ],
    ["a path of keys", `${"a::".repeat(300)}b: 1`, /^$/],
    ["a large text", `a: ${"x".repeat(yamlLimits.maxBytes)}`, /larger than 1048576 bytes/],
    ["a large text in few characters", `a: ${"€".repeat(yamlLimits.maxBytes / 3 + 1)}`, /larger than 1048576 bytes/],
  ];
  for (const [name, text, expected] of bombs) {
    it(`${name} are refused in bounded time`, () => {
      const before = cpuMs();
      assert.match(problemsOf(text).join("\n"), expected);
      assert.ok(cpuMs() - before < 5000);
    });
  }

  it("leave ordinary use of anchors alone", () => {
    const uses = Array.from({ length: 500 }, (_, i) => `u${i}: *base`).join("\n");
    assert.deepEqual(problemsOf(`base: &base {a: 1, b: [1, 2, 3]}\n${uses}`), []);
    assert.deepEqual(problemsOf("[".repeat(99) + "]".repeat(99)), []);
  });
});
