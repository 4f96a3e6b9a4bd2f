import assert from "node:assert/strict";
import { test } from "node:test";
import { compileRegExp } from "../../src/regexp/regexp.js";
import { createRandom } from "../support/random.js";

const mayMatch = (pattern: string, body: string) =>
  compileRegExp(pattern).mayMatch((literal) => body.includes(literal));
const homes = "(^(?:[A-Za-z][A-Za-z0-9+.-]*:)*(?://)?(?:/.*?)?/(?:home|Users)/)[^/]+";
const windows = String.raw`(^[A-Za-z]:\\Users\\)[^\\]+`;

test("a body without what a pattern needs is passed over", () => {
  for (const [pattern, body, may] of [
    [homes, "/usr/lib/libc.so.6 main.go", false],
    [homes, "file:///home/alice/x", true],
    [homes, "/srv/Users/x", true],
    [homes, "home, Users", false],
    [windows, String.raw`C:\Users\alice`, true],
    [windows, "/Users/alice", false],
    ["abc.*def", "def, then abc", true],
    ["abc.*def", "abc", false],
    ["(?:abc|xyz)[0-9]", "x abd y", false],
    ["(?:abc|xyz)[0-9]", "xyz", true],
    ["naïve", "naive", false],
  ] as const) {
    assert.equal(mayMatch(pattern, body), may, `${pattern} in ${body}`);
  }
});

test("a pattern that needs nothing that can be looked for may match anywhere", () => {
  for (const pattern of ["x*", "[a-z]+", ".", "", "^$", "(?i)home", "a|b*"]) assert.ok(mayMatch(pattern, ""), pattern);
});

test("no text that matches lies in a body that is passed over", () => {
  const random = createRandom(20261126);
  const atoms = [
    "ab",
    "abc",
    "home",
    "/",
    "é",
    "ſ",
    "K",
    ".",
    "[ab]",
    "[^/]",
    "\\w",
    "(?i:ab)",
    "(?i:k)",
    "\\bab",
    "\\x{e9}",
  ];
  const texts = ["a", "b", "ab", "abc", "AB", "home", "/home/", "é", "É", "ſ", "s", "k", "K", "K", "/", " ", "x"];
  const pattern = (depth: number): string => {
    if (depth === 0 || random.chance(0.3)) return random.pick(atoms);
    const inner = () => pattern(depth - 1);
    const how = random.pick(["concat", "either", "star", "plus", "maybe", "group", "times", "begin"]);
    if (how === "concat") return inner() + inner() + inner();
    if (how === "either") return `(?:${inner()}|${inner()})`;
    if (how === "group") return `(${inner()})`;
    if (how === "begin") return `^${inner()}`;
    return `(?:${inner()})${{ star: "*", plus: "+", maybe: "?", times: "{2}" }[how]}`;
  };
  let matches = 0;
  let passedOver = 0;
  const rounds = process.env.FLAMEPIPE_TEST_LONG ? 50_000 : 3000;
  for (let round = 0; round < rounds; round++) {
    const source = pattern(4);
    const re = compileRegExp(source);
    for (let i = 0; i < 5; i++) {
      const text = Array.from({ length: random.int(6) }, () => random.pick(texts)).join("");
      const may = re.mayMatch((literal) => text.includes(literal));
      if (!may) passedOver++;
      if (!re.test(text)) continue;
      matches++;
      assert.ok(may, `${source} in ${JSON.stringify(text)}`);
    }
  }
  assert.ok(matches > rounds && passedOver > rounds, `${matches} ${passedOver}`);
});
