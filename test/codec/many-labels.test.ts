import assert from "node:assert/strict";
import { it } from "node:test";
import { decodePprof } from "../../src/codec/pprof-decode.js";
import { cpuMs } from "../support/cpu-ms.js";

/** With the long form the table of entries grows to the largest that it may be. */
const samples = process.env.FLAMEPIPE_TEST_LONG ? 3_000_000 : 30_000;

/** A pprof whose samples have a number of their own each, from 2^21 on. */
function manyLabels(): Buffer {
  const head = Buffer.from("0a040801100232003207 73616d706c6573 3205 636f756e74 3201 6b".replaceAll(" ", ""), "hex");
  const one = Buffer.from("120b 1001 1a07 0803 18 00000000".replaceAll(" ", ""), "hex");
  const bytes = Buffer.alloc(head.length + samples * one.length);
  head.copy(bytes);
  for (let i = 0, at = head.length; i < samples; i++, at += one.length) {
    one.copy(bytes, at);
    const number = 2 ** 21 + i;
    for (let byte = 0; byte < 4; byte++) {
      bytes[at + 9 + byte] = ((number >>> (7 * byte)) & 0x7f) | (byte < 3 ? 0x80 : 0);
    }
  }
  return bytes;
}

it(`${samples} labels that all differ are decoded in linear time`, () => {
  const bytes = manyLabels();
  const before = cpuMs();
  const batch = decodePprof(bytes, []);
  assert.ok(cpuMs() - before < 10_000);
  assert.equal(batch.sampleCount, samples);
});
