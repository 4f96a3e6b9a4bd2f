import assert from "node:assert/strict";
import { test } from "node:test";
import { lastingName } from "../../src/codec/jfr-names.js";

const tmp = ["", "tmp", ""].join("/");

test("names that a process made up lose what is its own", () => {
  for (const [name, lasting] of [
    ["App$$Lambda$14.0x0000000800fd7318", "App$$Lambda_"],
    ["org/x/Service$$Lambda$669/1024", "org/x/Service$$Lambda_"],
    ["Fib$$Lambda.0x00007ffa600c4da0", "Fib$$Lambda_"],
    ["Fib$$Lambda/0x00007ffa600c4da0", "Fib$$Lambda_"],
    ["a$$Lambda17", "a$$Lambda_"],
    ["jdk/internal/reflect/GeneratedMethodAccessor31", "jdk/internal/reflect/GeneratedMethodAccessor_"],
    ["Shop$$EnhancerBySpringCGLIB$$a1b2c3", "Shop$$EnhancerBySpringCGLIB$$_"],
    ["libzstd-jni-1.5.1-16931311898282279136.so", "libzstd-jni-_.so"],
    [`${tmp}libzstd-jni-1.5.1-3.so (deleted)`, "libzstd-jni-_.so"],
    [`.${tmp}libamazonCorrettoCryptoProvider109b39cf33c563eb.so`, "libamazonCorrettoCryptoProvider_.so"],
    [
      `${tmp}amazonCorrettoCryptoProviderNativeLibraries.7382c2f79097f415/libcrypto.so (deleted)`,
      "libamazonCorrettoCryptoProvider_.so",
    ],
    ["libasyncProfiler-linux-arm64-17b9a1d8156277a98ccc871afa9a8f69215f92.so", "libasyncProfiler-_.so"],
    [`${tmp}libasyncProfiler-linux-musl-x64-17b9a1d8156277a98ccc871afa9a8f69215f92.so`, "libasyncProfiler-_.so"],
  ]) {
    assert.equal(lastingName(name), lasting);
  }
});

test("other names stay", () => {
  for (const name of [
    "",
    "App",
    "App$$Lambda",
    "x$$Lambda$foo",
    "libc.so.6",
    "GeneratedMethodAccessor1",
    "$$Lambda$1",
  ]) {
    assert.equal(lastingName(name), name);
  }
});
