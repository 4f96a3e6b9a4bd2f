import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { after, describe, it } from "node:test";
import { answerLines, maxLineBytes } from "../../src/cli/ndjson.js";
import { runTryAttributes } from "../../src/cli/try-attributes.js";
import { runTryRelabel } from "../../src/cli/try-relabel.js";

function collector(): Writable & { text(): string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return Object.assign(stream, { text: () => Buffer.concat(chunks).toString() });
}

/** Feeds `input` in pieces of a few bytes, so that lines and characters are cut. */
async function lines(run: typeof runTryRelabel | typeof runTryAttributes, input: string): Promise<string[]> {
  const bytes = Buffer.from(input);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 7) pieces.push(bytes.subarray(at, at + 7));
  const stdout = collector();
  assert.equal(await run({}, Readable.from(pieces), stdout), 0);
  return stdout.text().split("\n");
}

describe("try relabel on stdin", () => {
  it("answers each line that is not blank with one line, in order", async () => {
    const input = [
      '{"rules":[{"source_labels":["a"],"target_label":"b🔥"}],"input":{"a":"é\\u2028"}}',
      "",
      "   \r",
      "nonsense",
      '{"rules":[{"action":"drop"}],"input":{}}\r',
      '{"rules":[]}',
      '{"rules":[{"action":"rename"}],"input":{}}',
      '{"rules":null,"input":{"x":"","y":"1"}} trailing',
      '[{"rules":[]}]',
      '{"rules":[{"action":"labeldrop","regex":"b"}],"input":{"__proto__":"p","b":"1","pid":4242,"f":1.50,"n":null}}',
    ].join("\n");
    assert.deepEqual(await lines(runTryRelabel, input), [
      '{"output":{"a":"é\\u2028","b🔥":"é\\u2028"}}',
      '{"error":"invalid JSON: unexpected \\"n\\" at column 1"}',
      '{"output":null}',
      '{"error":"the line has no \\"input\\""}',
      '{"error":"unknown relabel action \\"rename\\""}',
      '{"error":"invalid JSON: unexpected \\"t\\" at column 41"}',
      '{"error":"the line must be a JSON object"}',
      '{"output":{"__proto__":"p","f":"1.50","pid":"4242"}}',
      "",
    ]);
  });

  it("reads scalars as YAML does", async () => {
    const rule = (fields: string) =>
      `{"rules":[{"source_labels":["a"],"target_label":"m",${fields}}],"input":{"a":"1e3"}}\n`;
    const answers = await lines(
      runTryRelabel,
      rule('"regex":1e3,"replacement":-0.0') +
        rule('"replacement":18446744073709551616') +
        rule('"replacement":true') +
        rule('"action":"hashmod","modulus":18446744073709551615'),
    );
    assert.deepEqual(answers.slice(0, 3), [
      '{"output":{"a":"1e3","m":"-0.0"}}',
      '{"output":{"a":"1e3","m":"18446744073709551616"}}',
      '{"output":{"a":"1e3","m":"true"}}',
    ]);
    assert.match(answers[3], /^\{"output":\{"a":"1e3","m":"[0-9]+"\}\}$/);
  });

  it("survives lines that are too deep or too long", async () => {
    const [deep] = await lines(runTryRelabel, `{"rules":${"[".repeat(100_000)}\n`);
    assert.match(deep, /nested more than 500 levels/);
    const answered: (string | undefined)[] = [];
    const stdout = collector();
    const chunk = Buffer.alloc(1024 * 1024, "x");
    const input = [...Array.from({ length: maxLineBytes / chunk.length + 1 }, () => chunk), Buffer.from("\nnext\n")];
    await answerLines(Readable.from(input), stdout, (line) => `${answered.push(line)}`);
    assert.deepEqual(answered, [undefined, "next"]);
    assert.equal(stdout.text(), "1\n2\n");
  });

  it("ends when nobody reads its output any more", async () => {
    const stdout = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        done(new Error("EPIPE"));
      },
    });
    const endless = Readable.from(
      (function* () {
        for (;;) yield '{"rules":[],"input":{}}\n';
      })(),
    );
    assert.equal(await runTryRelabel({}, endless, stdout), 0);
  });
});

describe("try attributes on stdin", () => {
  it("keeps numbers exact and knows the metadata", async () => {
    const input = [
      '{"actions":[{"key":"a","action":"insert","value":9007199254740993}],"input":[{"key":"b","value":{"intValue":"-9223372036854775808"}}]}',
      '{"actions":[{"key":"a","action":"insert","value":1.0},{"key":"t","action":"insert","from_context":"metadata.X-T"}],"input":[],"metadata":{"x-t":["1","2"]}}',
      '{"actions":[{"key":"d","action":"convert","converted_type":"double"}],"input":[{"key":"d","value":{"stringValue":"-0"}},{"key":"n","value":{"doubleValue":"NaN"}},{"key":"e","value":{}},{"key":"l","value":{"arrayValue":{"values":[]}}}]}',
      '{"actions":[],"input":[]}',
      '{"actions":[{"key":"k","action":"insert","value":1,"value":2}],"input":[]}',
      '{"actions":[{"key":"k","action":"hash"}],"input":[{"key":"k","value":{"intValue":"9223372036854775808"}}]}',
    ].join("\n");
    assert.deepEqual(await lines(runTryAttributes, input), [
      '{"output":[{"key":"b","value":{"intValue":"-9223372036854775808"}},{"key":"a","value":{"intValue":"9007199254740993"}}]}',
      '{"output":[{"key":"a","value":{"doubleValue":1}},{"key":"t","value":{"stringValue":"1;2"}}]}',
      '{"output":[{"key":"d","value":{"doubleValue":-0}},{"key":"n","value":{"doubleValue":"NaN"}},{"key":"e","value":{}},{"key":"l","value":{"arrayValue":{}}}]}',
      '{"error":"missing required field \\"actions\\""}',
      '{"error":"mapping key \\"value\\" already defined"}',
      '{"error":"intValue must be a 64-bit integer, as a string or a number"}',
      "",
    ]);
  });
});

describe("try with files", () => {
  const folder = mkdtempSync(join(tmpdir(), "flamepipe-try-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const noInput = () => Readable.from([]);

  it("prints what each rule did", async () => {
    const rules = file(
      "rules.yaml",
      "rules:\n  - {source_labels: [a], target_label: b}\n  - {action: labeldrop, regex: a|zz}\n  - {action: keep, regex: x}\n  - {target_label: never, replacement: '1'}\n",
    );
    const stdout = collector();
    assert.equal(await runTryRelabel({ rules, labels: ["a=1=2", "c=3"] }, noInput(), stdout), 0);
    assert.equal(
      stdout.text(),
      `in      {a="1=2", c="3"}
rule 1  replace source_labels=[a] target_label=b
        + b="1=2"
rule 2  labeldrop regex="a|zz"
        - a="1=2"
rule 3  keep regex="x"
        dropped
out     (dropped)
`,
    );
  });

  it("prints what each action did", async () => {
    const actions = file(
      "actions.yaml",
      "- {key: a, action: update, value: 2}\n- {key: b, action: delete}\n- {key: c, action: upsert, value: x}\n",
    );
    const input = file("input.json", '[{"key":"a","value":{"intValue":1}}]');
    const stdout = collector();
    assert.equal(await runTryAttributes({ actions, input }, noInput(), stdout), 0);
    assert.equal(
      stdout.text(),
      `in        [{"key":"a","value":{"intValue":"1"}}]
action 1  update key=a
          ~ [{"key":"a","value":{"intValue":"2"}}]
action 2  delete key=b
          no change
action 3  upsert key=c
          + [{"key":"c","value":{"stringValue":"x"}}]
out       [{"key":"a","value":{"intValue":"2"}},{"key":"c","value":{"stringValue":"x"}}]
`,
    );
  });

  it("says on stderr what is wrong, and fails", async () => {
    const stderr = collector();
    const bad = file("bad.yaml", "- {action: nope}\n");
    assert.equal(await runTryRelabel({ rules: bad }, noInput(), collector(), stderr), 1);
    assert.equal(
      await runTryRelabel({ rules: file("ok.yaml", "[]"), labels: ["x"] }, noInput(), collector(), stderr),
      1,
    );
    assert.equal(await runTryAttributes({ actions: bad }, noInput(), collector(), stderr), 1);
    assert.equal(
      stderr.text(),
      'Error: unknown relabel action "nope"\n' +
        'Error: --labels takes name=value, got "x"\n' +
        'Error: error creating AttrProc due to missing required field "key" at the 0-th action\n',
    );
  });
});
