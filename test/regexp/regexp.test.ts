import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cachedRegExpCount, compileRegExp, RegExpSyntaxError } from "../../src/regexp/regexp.js";
import { cpuMs } from "../support/cpu-ms.js";

const groups = (pattern: string, text: string): (string | undefined)[] | undefined => {
  const indices = compileRegExp(pattern).match(text);
  if (!indices) return undefined;
  const out: (string | undefined)[] = [];
  for (let i = 0; i < indices.length; i += 2)
    out.push(indices[i] < 0 ? undefined : text.slice(indices[i], indices[i + 1]));
  return out;
};

const refusal = (pattern: string): string => {
  try {
    compileRegExp(pattern);
  } catch (caught) {
    assert.ok(caught instanceof RegExpSyntaxError);
    return caught.message.replace("error parsing regexp: ", "");
  }
  return "accepted";
};

describe("regexp", () => {
  it("keeps the last iteration of a group, as RE2 does and JavaScript doesn't", () => {
    assert.deepEqual(groups("(?:(a)|(b))*", "ab"), ["ab", "a", "b"]);
  });

  it("knows Unicode properties by Go's names", () => {
    for (const name of ["lu", "Lu", "uppercase letter", "Uppercase_Letter", "U-P-PERCASELETTER"]) {
      assert.deepEqual([name, groups(`\\p{${name}}`, "aB")], [name, ["B"]]);
    }
    assert.deepEqual(groups("\\p{ASCII}+", "éabé"), ["ab"]);
    assert.deepEqual(groups("\\P{ascii}+", "aéb"), ["é"]);
    assert.deepEqual(groups("[x\\P{ascii}]+", "axéb"), ["xé"]);
    assert.deepEqual(groups("[^\\p{^Greek}]+", "aγδb"), ["γδ"]);
    for (const name of ["Emoji", "Script=Greek", "Old_Italic", "", "^", "Foo"]) {
      assert.equal(refusal(`\\p{${name}}`), `invalid character class range: \`\\p{${name}}\``);
    }
  });

  it("takes a bracket at the end of a range for what it is", () => {
    assert.deepEqual(groups("[)-[:x]+", "é(+:x"), ["+:x"]);
    assert.deepEqual(groups("[^--[:digit:]", "5a"), ["a"]);
    assert.deepEqual(groups("[\\d-[:alpha:]]+", "é1-b"), ["1-b"]);
    assert.deepEqual(groups("[\\w-\\p{ASCII}é]+", "日é-"), ["é-"]);
    assert.equal(refusal("[a-\\p{ASCII}]"), "invalid escape sequence: `\\p`");
  });

  it("takes group names twice, with a digit in front, and of JavaScript's own", () => {
    const twice = compileRegExp("(?P<n>a)|(?<n>b)(?P<1x>c)(?P<__proto__>d)");
    assert.deepEqual(twice.groupNames, ["", "n", "n", "1x", "__proto__"]);
    const indices = twice.match("bcd");
    assert.ok(indices);
    assert.equal(twice.expand("$n-$1x-$__proto__-$constructor", "bcd", indices), "b-c-d-");
  });

  it("refuses in Go's words, and the first fault of several", () => {
    assert.equal(refusal("(?P<n>?:a)"), "missing argument to repetition operator: `?`");
    assert.equal(refusal("(?<!a)b"), "invalid named capture: `(?<!a)b`");
    assert.equal(refusal("(?P<n>a(b"), "missing closing ): `(?P<n>a(b`");
    assert.equal(refusal("\\p{lu}[a"), "missing closing ]: `[a`");
    assert.equal(refusal("\\p{letter}a**\\p{Emoji}"), "invalid nested repetition operator: `**`");
    assert.equal(refusal("a\\"), "trailing backslash at end of expression: ``");
    assert.equal(refusal("(?P<a.b>x)"), "invalid named capture: `(?P<a.b>`");
    assert.equal(refusal("x{1001}"), "invalid repeat count: `{1001}`");
  });

  it("does not take what stands in quotes or classes for groups", () => {
    assert.deepEqual(compileRegExp("\\Q(a\\E(b)[(](?:c)").groupNames, ["", ""]);
    assert.deepEqual(groups("\\Q\\p{Emoji}\\E", "\\p{Emoji}"), ["\\p{Emoji}"]);
    assert.deepEqual(groups("[]\\]a(]+", "x](a]"), ["](a]"]);
  });

  it("expands templates as Go does", () => {
    const re = compileRegExp("(a)(b)?");
    const indices = re.match("a");
    assert.ok(indices);
    const cases = {
      $1: "a",
      "${1}x": "ax",
      $1x: "",
      $01: "",
      $10: "",
      $0: "a",
      "$2|": "|",
      $$1: "$1",
      $: "$",
      "a$-b": "a$-b",
      "${": "${",
      "${1": "${1",
      [`$${"{}"}`]: `$${"{}"}`,
      "$&": "$&",
      $é: "",
      $1é: "",
      "$1.": "a.",
    };
    for (const [template, expected] of Object.entries(cases)) {
      assert.deepEqual([template, re.expand(template, "a", indices)], [template, expected]);
    }
  });

  it("replaces every match, empty ones not right behind another", () => {
    assert.equal(compileRegExp("a*").replaceAll("baac", "x"), "xbxcx");
    assert.equal(compileRegExp("").replaceAll("a🔥", "-"), "-a-🔥-");
    assert.equal(compileRegExp("^(?s:serv)|(?:never)$").replaceAll("service_never", "S"), "Sice_S");
  });

  it("gives the same answers to simple patterns with and without the engine", () => {
    const texts = ["", "a", "ab", "a.b", "a\nb", "🔥", "b", "a|b", "aa", "\u2028", "A", "a-b", "a b", "\\"];
    for (const body of ["(.*)", ".*", "(.+)", ".+", "", "a", "a|b", "a|", "|", "a\\.b|a\\-b", "a b", "aa|a"]) {
      const plain = compileRegExp(`^(?s:${body})$`);
      // An empty group keeps the engine at work.
      const engine = compileRegExp(`^(?s:(?:)(?:${body}))$`);
      for (const text of texts) {
        const [mine, theirs] = [plain, engine].map((re) => ({
          test: re.test(text),
          match: Array.from(re.match(text) ?? [-2]),
          later: re.match(text, text.length && 1) !== undefined,
          replaced: re.replaceAll(text, "[$0$1]"),
        }));
        assert.deepEqual([body, text, mine], [body, text, theirs]);
      }
    }
  });

  it("answers in linear time", () => {
    const re = compileRegExp("^(?s:(a*)*(a*)*(a|aa)+x)$");
    const started = cpuMs();
    assert.equal(re.test("a".repeat(20_000)), false);
    assert.ok(cpuMs() - started < 5_000);
  });

  it("remembers compiled patterns, and not more than a thousand", () => {
    assert.equal(compileRegExp("once"), compileRegExp("once"));
    for (let i = 0; i < 1200; i++) {
      compileRegExp(`p${i}`);
      compileRegExp("used-all-the-time");
    }
    assert.equal(cachedRegExpCount(), 1000);
    assert.equal(compileRegExp("used-all-the-time"), compileRegExp("used-all-the-time"));
  });
});
