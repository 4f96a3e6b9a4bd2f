// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${…} is what the configuration language is about.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { z } from "zod";
import { duration } from "../../src/component/schema.js";
import { conform } from "../../src/config/conform.js";
import { componentScope } from "../../src/config/diagnose.js";
import { expandTree } from "../../src/config/expand.js";
import { toPlain } from "../../src/config/node.js";
import { parseYaml } from "../../src/config/parse-yaml.js";
import { createProblemList, formatProblem } from "../../src/config/problem.js";

const schema = z.strictObject({
  text: z.string().optional(),
  int: z.int().optional(),
  float: z.number().optional(),
  bool: z.boolean().optional(),
  list: z.array(z.string()).optional(),
  texts: z.record(z.string(), z.string()).optional(),
  any: z.unknown().optional(),
  choice: z.enum(["5", "true", "x"]).optional(),
  time: duration("1s").optional(),
});

interface Given {
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
}

async function expanded(yaml: string, { env = {}, files = {} }: Given = {}) {
  const problems = createProblemList();
  const parsed = parseYaml(yaml, { file: "c.yaml", splitKeys: true }, problems);
  assert.ok(parsed.node, problems.problems[0]?.message);
  const readFile = async (path: string) => {
    if (files[path] === undefined) throw Object.assign(new Error(path), { code: "ENOENT" });
    return Buffer.from(files[path]);
  };
  const node = await expandTree(parsed.node, { env, readFile }, problems);
  return { node, problems: problems.problems.map(formatProblem), warnings: problems.warnings.map(formatProblem) };
}

/** What a component's schema makes of it. */
async function typed(yaml: string, given: Given = {}): Promise<unknown> {
  const { node, problems } = await expanded(yaml, given);
  assert.deepEqual(problems, []);
  const list = createProblemList();
  const parsed = schema.safeParse(conform(schema, node, componentScope("exporters", "x"), list));
  if (parsed.success && !yaml.startsWith("time:")) delete (parsed.data as { time?: number }).time;
  return parsed.success ? parsed.data : parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.code}`);
}

async function plain(yaml: string, given: Given = {}): Promise<unknown> {
  const { node, problems } = await expanded(yaml, given);
  assert.deepEqual(problems, []);
  return toPlain(node);
}

describe("a value that is one reference", () => {
  const cases: readonly (readonly [variable: string, field: string, expected: unknown])[] = [
    ["0123", "text", "0123"],
    ["0123", "int", 83],
    ["0123", "any", 83n],
    ["0xdeadbeef", "text", "0xdeadbeef"],
    ["0xdeadbeef", "int", 0xdeadbeef],
    ["true", "text", "true"],
    ["true", "bool", true],
    ["true", "choice", "true"],
    ["5", "choice", "5"],
    ["t", "bool", ["bool invalid_type"]],
    ["1.5", "int", ["int invalid_type"]],
    ["1.5", "float", 1.5],
    ["5", "float", 5],
    ["a", "int", ["int invalid_type"]],
    ["[a, b]", "list", ["a", "b"]],
    ["[a, b]", "text", "[a, b]"],
    ["a,b", "list", ["a", "b"]],
    ["5", "list", ["5"]],
    ['["a",', "text", '["a",'],
    ["{a: 5}", "text", "{a: 5}"],
    ["{a: x, b: y}", "texts", { a: "x", b: "y" }],
    ["{a: 5}", "any", { a: 5n }],
    ['"quoted"', "text", '"quoted"'],
    ["", "text", ""],
    ["", "int", 0],
    ["", "bool", false],
    ["", "list", []],
    ["", "any", null],
    ["null", "text", ""],
    ["1m", "time", 60_000],
    ["5", "time", 5e-6],
    ["123 # comment", "int", 123],
    ["123 # comment", "text", ["text invalid_type"]],
    ["9007199254740993", "any", 9007199254740993n],
    ["with: colon and $ sign", "text", "with: colon and $ sign"],
    ["two\nlines", "text", "two\nlines"],
  ];
  for (const [variable, field, expected] of cases) {
    it(`${JSON.stringify(variable)} in a field of type ${field}`, async () => {
      const result = await typed(`${field}: \${env:V}`, { env: { V: variable } });
      const isFailure = Array.isArray(expected) && /invalid_type$/.test(String(expected[0]));
      assert.deepEqual(result, isFailure ? expected : { [field]: expected });
    });
  }

  it("is taken from the environment without a scheme, too", async () => {
    assert.deepEqual(await plain("a: ${V}", { env: { V: "5" } }), { a: 5n });
  });

  it("has a default where the variable is unset, not where it is empty", async () => {
    assert.deepEqual(
      await plain('a: ${env:U:-5}\nb: "${env:E:-5}"\nc: ${env:U:-}\nd: ${env:U:-a:-b}', { env: { E: "" } }),
      {
        a: 5n,
        b: null,
        c: "",
        d: "a:-b",
      },
    );
  });

  it("may be YAML of its own, or a file", async () => {
    const files = { "sub.yaml": "x: [1, 2]\ny::z: 3\n", "token.txt": "s3cret\n", "n.yaml": "7\n" };
    const yaml = "a: ${file:sub.yaml}\nb: ${file:token.txt}\nc: '${yaml:[p]}'\nd: ${file:n.yaml}";
    assert.deepEqual(await plain(yaml, { files }), {
      a: { x: [1n, 2n], y: { z: 3n } },
      b: "s3cret",
      c: ["p"],
      d: 7n,
    });
  });

  it("is expanded again", async () => {
    const env = { A: "${env:B}", B: "${file:f.yaml}", C: "deep" };
    assert.deepEqual(await plain("a: ${env:A}", { env, files: { "f.yaml": "k: ['${env:C}']" } }), {
      a: { k: ["deep"] },
    });
    assert.deepEqual(await typed("text: ${env:A}", { env, files: { "f.yaml": "[x, '${env:C}']" } }), {
      text: "[x, 'deep']",
    });
  });
});

describe("a reference inside a text", () => {
  it("is replaced by its text", async () => {
    const env = { HOST: "h", PORT: "0123", LIST: "[a, b]", NONE: "" };
    assert.deepEqual(
      await plain('a: "${env:HOST}:${PORT}"\nb: x${env:LIST}y\nc: "<${env:NONE}>"\nd: ["-${HOST}"]', { env }),
      {
        a: "h:0123",
        b: "x[a, b]y",
        c: "<>",
        d: ["-h"],
      },
    );
  });

  it("gives text, even if it looks like a number", async () => {
    assert.deepEqual(await plain("a: 1${env:N}", { env: { N: "2" } }), { a: "12" });
  });

  it("may name another, the innermost first", async () => {
    const env = { WHICH: "B", NAME_B: "found", D: "dflt" };
    assert.deepEqual(
      await plain("a: ${env:NAME_${env:WHICH}}\nb: ${env:U:-${env:D}}\nc: x${env:U:-${env:D}-y}", { env }),
      {
        a: "found",
        b: "dflt",
        c: "xdflt-y",
      },
    );
  });

  it("is left alone after an odd run of $", async () => {
    const env = { A: "v", B: "w" };
    const yaml =
      "a: $${env:A}\nb: $$${env:A}\nc: $$$${env:A}\nd: $$\ne: $A\nf: $${env:A} ${env:B}\ng: a$$b$$$$c\nh: $1";
    assert.deepEqual(await plain(yaml, { env }), {
      a: "${env:A}",
      b: "$v",
      c: "$${env:A}",
      d: "$",
      e: "$A",
      f: "${env:A} w",
      g: "a$b$$c",
      h: "$1",
    });
  });

  it("never stands in a key, and needs both braces", async () => {
    assert.deepEqual(await plain('"${env:A}": "${env:A"\nb: "}${"\nc: "a}b"', { env: { A: "v" } }), {
      "${env:A}": "${env:A",
      b: "}${",
      c: "a}b",
    });
  });
});

describe("a reference that fails", () => {
  const cases: readonly (readonly [yaml: string, message: string])[] = [
    [
      "a:\n  b: x${nosuch:y}",
      'c.yaml:2:6: scheme "nosuch" is not supported for uri "nosuch:y" (valid schemes: env, file, yaml)',
    ],
    ["a: ${V:-x}", 'c.yaml:1:4: invalid uri: "V:-x"'],
    ["a: ${VAR:-x}", 'c.yaml:1:4: scheme "VAR" is not supported for uri "VAR:-x" (for a default write ${env:VAR:-x})'],
    [
      "a: ${env:a b}",
      'c.yaml:1:4: environment variable "a b" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$',
    ],
    ["a: ${env:x$y}", `c.yaml:1:4: the uri "env:x$y" contains unsupported characters ('$')`],
    ["a: ${1:x}", 'c.yaml:1:4: invalid uri: "1:x"'],
    ["a: ${file:none}", "c.yaml:1:4: unable to read the file file:none: no such file or directory"],
    ["a: ${env:LOOP}", "c.yaml:1:4: too many recursive expansions (does a reference lead back to itself?)"],
    ["a: x${env:LOOP}", "c.yaml:1:4: too many recursive expansions (does a reference lead back to itself?)"],
    ["a: ${env:PING}", "c.yaml:1:4: too many recursive expansions (does a reference lead back to itself?)"],
  ];
  const env = { LOOP: "${env:LOOP}", PING: "x${env:PONG}", PONG: "${env:PING}" };
  for (const [yaml, message] of cases) {
    it(message.replace(/^\S+ /, ""), async () => {
      const { problems } = await expanded(yaml, { env });
      assert.deepEqual(problems, [message]);
    });
  }

  it("is told of all places, and an unset variable is no more than a warning", async () => {
    const { problems, warnings } = await expanded("a: ${no:x}\nb: [1, '${no:y}']\nc: ${env:U}");
    assert.deepEqual(
      problems.map((line) => line.slice(0, 29)),
      ['c.yaml:1:4: scheme "no" is no', 'c.yaml:2:8: scheme "no" is no'],
    );
    assert.deepEqual(warnings, [
      'c.yaml:3:4: warning: Configuration references unset environment variable "U" (set it, or write ${env:U:-default})',
    ]);
  });
});

describe("references that grow", () => {
  it("end at a bound on the text", async () => {
    const env = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [`V${i}`, `\${env:V${i + 1}}\${env:V${i + 1}}`]),
    );
    env.V39 = "x".repeat(100);
    const { problems } = await expanded("a: y${env:V0}", { env });
    assert.equal(problems.length, 1);
    assert.match(problems[0], /too many recursive expansions|larger than 1048576 characters/);
  });

  it("end when a file includes itself", async () => {
    const once = await expanded("a: ${file:s.yaml}", { files: { "s.yaml": "b: ${file:s.yaml}" } });
    assert.match(once.problems[0], /^s\.yaml:1:4: too many recursive expansions|^c.yaml.*too many/);
    const twice = await expanded("a: ${file:s.yaml}", { files: { "s.yaml": "b: ${file:s.yaml}\nc: ${file:s.yaml}" } });
    assert.ok(twice.problems.length > 0);
  });

  it("end at a bound on the values", async () => {
    const big = `[${"1,".repeat(30_000)}]`;
    const { problems } = await expanded(`[${"'${file:b.yaml}',".repeat(12)}]`, { files: { "b.yaml": big } });
    assert.ok(problems.length > 0);
    assert.match(problems[0], /references expand to more than 200000 values/);
  });
});
