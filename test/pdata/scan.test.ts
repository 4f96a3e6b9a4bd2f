import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { isFault, type ScanResult, scanRequest } from "../../src/pdata/scan.js";
import { maxEntries, maxParts } from "../../src/pdata/wasm/numbers.js";
import { WasmInstance } from "../../src/pdata/wasm-instance.js";
import { field } from "../support/wire-field.js";

const hex = (text: string): Buffer => Buffer.from(text, "hex");
const resource = (...content: (Buffer | string)[]): Buffer => field(1, field(1, ...content));
const scope = (...content: (Buffer | string)[]): Buffer => field(1, field(2, ...content));
const profile = (...content: (Buffer | string)[]): Buffer => scope(field(2, ...content));
const sample = (...content: (Buffer | string)[]): Buffer => profile(field(2, ...content));
const dictionary = (...content: (Buffer | string)[]): Buffer => field(2, ...content);

function reasonOf(bytes: Buffer, strict = false): string {
  const answer = scanRequest(bytes, strict);
  return isFault(answer) ? answer.reason : "plain";
}

function scanned(bytes: Buffer): ScanResult {
  const answer = scanRequest(bytes, false);
  assert.ok(!isFault(answer), isFault(answer) ? answer.reason : "");
  return answer;
}

describe("a scan that fails says why and where", () => {
  const cases: readonly [name: string, request: Buffer, reason: string][] = [
    ["truncated varint", sample("0880"), "truncated varint (at byte 10)"],
    ["varint past 64 bits", profile("30ffffffffffffffffff7f"), "a varint past 64 bits (at byte 17)"],
    ["varint of eleven bytes", profile("308080808080808080808001"), "a varint longer than 10 bytes (at byte 17)"],
    ["no length", hex("0a"), "truncated length (at byte 1)"],
    ["length past the end", hex("0a0500"), "a length past the end of its message (at byte 2)"],
    ["fixed64 cut short", profile("190000"), "truncated fixed64 (at byte 7)"],
    ["fixed32 cut short", profile("7d0000"), "truncated fixed32 (at byte 7)"],
    ["group", hex("1b1c"), "a group (at byte 1)"],
    ["wire type 6", hex("1e"), "unknown wire type (at byte 1)"],
    ["field 0", hex("0200"), "field number 0 is illegal (at byte 0)"],
    ["tag past 32 bits", hex("8080808010"), "a tag past 32 bits (at byte 0)"],
    ["schema_url", field(1, field(3, "ff")), "schema_url is not valid UTF-8 (at byte 4)"],
    ["attribute key", resource(field(1, field(1, "c0af"))), "an attribute key is not valid UTF-8 (at byte 8)"],
    [
      "attribute value",
      resource(field(1, field(2, field(1, "eda080")))),
      "an attribute value is not valid UTF-8 (at byte 10)",
    ],
    ["scope name", scope(field(1, field(1, "f4908080"))), "a scope name or version is not valid UTF-8 (at byte 8)"],
    ["entity", resource(field(3, field(1, "e282"))), "an entity reference is not valid UTF-8 (at byte 8)"],
    ["payload format", profile(field(9, "80")), "original_payload_format is not valid UTF-8 (at byte 8)"],
    ["string", dictionary(field(5), field(5, "61ff")), "a string in string_table is not valid UTF-8 (at byte 6)"],
    ["trace id", dictionary(field(4), field(4, field(1, "01"))), "trace_id of 1 bytes (it must have 16) (at byte 8)"],
    ["span id", dictionary(field(4), field(4, field(2, "01"))), "span_id of 1 bytes (it must have 8) (at byte 8)"],
    ["profile id", profile(field(7, "0102")), "profile_id of 2 bytes (it must have 16) (at byte 8)"],
    ["stack index", sample("0805220101"), "index 5 of stack_table is out of range (the table has 0 entries)"],
    [
      "negative index",
      Buffer.concat([dictionary(field(7)), sample("08ffffffffffffffffff01220101")]),
      "index -1 of stack_table is out of range (the table has 1 entries)",
    ],
    ["wire type of samples", profile("1000"), "wrong wire type 0 for field 2 of Profile (at byte 7)"],
    ["wire type of a resource", field(1, "0800"), "wrong wire type 0 for field 1 of ResourceProfiles (at byte 3)"],
    [
      "wire type of a line",
      dictionary(field(2), field(2, field(3, "0a00"))),
      "wrong wire type 2 for field 1 of Line (at byte 9)",
    ],
    ["two dictionaries", Buffer.concat([dictionary(), dictionary()]), "a dictionary in parts (at byte 3)"],
    ["two resources", field(1, field(1), field(1)), "a resource in parts (at byte 5)"],
    ["two scopes", scope(field(1), field(1)), "a scope in parts (at byte 7)"],
    ["two sample types", profile(field(1), field(1)), "a value type in parts (at byte 9)"],
    ["list in two", sample(field(2, "00"), field(2, "00")), "a packed list in parts (at byte 12)"],
    ["value in two", resource(field(1, field(2), field(2))), "an attribute value in parts (at byte 9)"],
    ["first entry", dictionary(field(2, "1001")), "location_table[0] must be the zero value (at byte 4)"],
    ["first string", dictionary(field(5, "61")), "string_table[0] must be the zero value (at byte 4)"],
    [
      "reference in a table",
      dictionary(field(5), field(5, "61"), field(6), field(6, field(2, "4001"))),
      "a reference inside attribute_table (at byte 15)",
    ],
    [
      "unequal numbers",
      sample(field(4, "0101"), field(5, Buffer.alloc(8))),
      "a sample has 2 values and 1 timestamps (they must be equal in number) (at byte 22)",
    ],
    ["empty sample", sample(), "a sample has neither values nor timestamps (at byte 8)"],
    [
      "half a timestamp",
      sample(field(5, "00000000")),
      "packed timestamps that are no multiple of 8 bytes (at byte 10)",
    ],
    ["field 12", profile("6001"), "field 12 of Profile, as protocol 1.8 had it (at byte 7)"],
    ["payload", profile(field(10, "00")), "a payload without a format, where protocol 1.8 had the format (at byte 9)"],
    ["open list", sample(field(4, "0180")), "a packed list that ends inside a varint (at byte 12)"],
  ];
  for (const [name, request, reason] of cases) it(name, () => assert.equal(reasonOf(request), reason));

  it("has a sentence for values that nest too deep, and for too many entries", () => {
    let value: Buffer = Buffer.alloc(0);
    for (let depth = 0; depth < 101; depth++) value = field(5, field(1, value));
    const request = field(1, field(1, field(1, field(2, value))));
    assert.match(reasonOf(request), /^attribute values nest too deep /);
    const entries = Buffer.alloc(2 * (maxEntries + 1));
    for (let i = 0; i < entries.length; i += 2) entries.writeUInt16BE(0x3a00, i);
    const answer = scanRequest(field(2, entries), false);
    assert.ok(isFault(answer) && answer.isFinal);
    assert.match(answer.reason, /^more than 2097152 entries in stack_table /);
  });

  it("lets field 12 and bare payloads pass in what the slow path has written", () => {
    assert.equal(reasonOf(profile("6001"), true), "plain");
    assert.equal(reasonOf(profile(field(10, "00")), true), "plain");
  });
});

describe("a scan's findings", () => {
  it("are what the request holds", () => {
    const request = Buffer.concat([hex("1801"), sample("220101"), dictionary(field(5)), scope(), hex("9a060161")]);
    const { unknown, resources, counts, ...rest } = scanned(request);
    assert.deepEqual(unknown, [0, 2, 21, 25]);
    assert.deepEqual([...resources], [4, 13, 1, 0, 19, 21, 0, 0]);
    assert.deepEqual([...counts], [0, 0, 0, 0, 0, 1, 0, 0]);
    assert.deepEqual(rest, {
      dictionaryStart: 15,
      dictionaryEnd: 17,
      resourceCount: 2,
      sampleCount: 1,
      profileCount: 1,
      newestNano: 0,
      hasUnknownTables: false,
      hasReferences: false,
    });
  });

  it("of nothing are nothing", () => {
    const { dictionaryStart, resourceCount, resources } = scanned(Buffer.alloc(0));
    assert.deepEqual([dictionaryStart, resourceCount, resources.length], [-1, 0, 0]);
  });
});

describe("the memory of the scan", () => {
  const recorded = readFileSync("test/fixtures/otlp-ebpf/0001.pb");

  it("holds large requests, and is given back after them", () => {
    const before = scanned(recorded);
    const filler = Buffer.alloc(20_000_000, "x");
    const large = Buffer.concat([recorded, field(9, filler)]);
    const result = scanned(large);
    assert.deepEqual(result.unknown, [recorded.length, large.length]);
    assert.deepEqual({ ...result, unknown: [] }, before);
    assert.ok(WasmInstance.withRoom(0).bytes.length < 1_000_000);
    assert.deepEqual(scanned(recorded), before);
  });

  it("has room for as many parts as a request may have, and refuses more", () => {
    const request = Buffer.alloc(2 * maxParts);
    for (let i = 0; i < request.length; i += 2) request.writeUInt16BE(0x0a00, i);
    assert.equal(scanned(request).resourceCount, maxParts);
    const answer = scanRequest(Buffer.concat([request, hex("0a00")]), false);
    assert.ok(isFault(answer) && answer.isFinal);
    assert.match(answer.reason, /^more than 262144 resources /);
    for (let i = 0; i < request.length; i += 2) request.writeUInt16BE(0x1800, i);
    assert.equal(scanned(request).unknown.length, 2 * maxParts);
    assert.match(reasonOf(Buffer.concat([request, hex("1800")])), /^more than 262144 unknown fields /);
  });
});

describe("UTF-8 is judged as Node judges it", () => {
  const accepts = (text: Buffer): boolean => reasonOf(field(1, field(3, text))) === "plain";

  it("for every pair of bytes, alone and behind eight others", () => {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    const isUtf8 = (bytes: Buffer): boolean => {
      try {
        decoder.decode(bytes);
        return true;
      } catch {
        return false;
      }
    };
    for (let pair = 0; pair < 65_536; pair += 1) {
      const bytes = Buffer.from([pair >>> 8, pair & 0xff]);
      const expected = isUtf8(bytes);
      assert.equal(accepts(bytes), expected, bytes.toString("hex"));
      if (pair % 97 === 0) assert.equal(accepts(Buffer.concat([Buffer.from("abcdefgh"), bytes])), expected);
    }
    for (const head of ["e0", "ed", "ef", "f0", "f1", "f4"]) {
      for (let second = 0x7f; second <= 0xc0; second++) {
        for (const tail of ["", "80", "8080", "80bf", "c080", "8041"]) {
          const bytes = Buffer.concat([hex(head), Buffer.from([second]), hex(tail)]);
          assert.equal(accepts(bytes), isUtf8(bytes), bytes.toString("hex"));
        }
      }
    }
  });
});
