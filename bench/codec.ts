import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { decodePprof } from "../src/codec/pprof-decode.js";
import { encodePprofs } from "../src/codec/pprof-file.js";
import { outlineOf } from "../src/codec/pprof-outline.js";
import { printCases } from "./measure.js";

/** pprof to OTLP and back, over recorded profiles of net/http/pprof; bytes are counted decompressed. */
const folder = "test/fixtures/wire/net-http-pprof";
const files = readdirSync(folder).filter((file) => file.endsWith(".pb.gz") && !/debug1|unknown/.test(file));
const gzipped = files.map((file) => readFileSync(`${folder}/${file}`));
const plain = gzipped.map((bytes) => gunzipSync(bytes));
const large = [gunzipSync(readFileSync("test/fixtures/pprof-shapes/052-big-20k.pb.gz"))];

const sum = (list: readonly Buffer[]): number => list.reduce((total, { length }) => total + length, 0);
const decodeAll = (list: readonly Buffer[]): number =>
  list.reduce((total, bytes) => total + decodePprof(bytes, []).byteSize, 0);

const batches = plain.map((bytes) => decodePprof(bytes, []));

console.log(`\n${plain.length} recorded pprofs, ${sum(plain)} bytes`);
printCases(sum(plain), {
  "pprof check": () => plain.reduce((total, bytes) => total + (outlineOf(bytes)?.sampleCount ?? 0), 0),
  "pprof decode": () => decodeAll(plain),
  "gunzip, pprof decode": () => decodeAll(gzipped),
  "pprof encode": () => batches.reduce((total, batch) => total + sum(encodePprofs(batch).map(({ bytes }) => bytes)), 0),
});
console.log(`\na pprof of 20,000 samples, ${sum(large)} bytes`);
printCases(sum(large), { "pprof decode": () => decodeAll(large) });
