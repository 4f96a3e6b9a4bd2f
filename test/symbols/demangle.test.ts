import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { demangle } from "../../src/symbols/demangle.js";
import { cpuMs } from "../support/cpu-ms.js";
import { createRandom, mutate } from "../support/random.js";

const cpp: readonly (readonly [mangled: string, full: string, simple: string])[] = [
  ["_ZN3foo3barEv", "foo::bar()", "foo::bar"],
  ["_ZNK4node11Environment7isolateEv", "node::Environment::isolate() const", "node::Environment::isolate"],
  ["_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int> >::push_back(int const&)", ""],
  ["_ZN1AC1Ev", "A::A()", "A::A"],
  ["_ZN1AD0Ev", "A::~A()", "A::~A"],
  ["_ZplRK1AS1_", "operator+(A const&, A const&)", "operator+"],
  ["_ZN1AcvbEv", "A::operator bool()", "A::operator bool"],
  ["_Z1fIiEvT_", "void f<int>(int)", "f<int>"],
  ["_Z4callPFvicE", "call(void (*)(int, char))", "call"],
  ["_ZN12_GLOBAL__N_14workEv", "(anonymous namespace)::work()", "(anonymous namespace)::work"],
  ["_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()(int) const", "main::{lambda(int)#1}::operator()"],
  ["_ZTV1A", "vtable for A", "vtable for A"],
  ["_Z3sumIJiicEEvDpT_", "void sum<int, int, char>(int, int, char)", "sum<int, int, char>"],
  ["_ZN3foo3barEv.isra.0", "foo::bar() [clone .isra.0]", "foo::bar"],
  // What S2_ stands for is the expansion itself.
  ["_Z2goIJlcEEvP3boxIJDpT_EES2_", "void go<long, char>(box<long, char>*, long, char)", "go<long, char>"],
  ["_Z2goIJlcEEvP3boxIJDpT_EES3_", "void go<long, char>(box<long, char>*, box<long, char>)", "go<long, char>"],
  // Names in expressions are nothing that anything refers to.
  [
    "_ZN4llvm10checkedSubIiEENSt9enable_ifIXsr3std9is_signedIT_EE5valueENS_8OptionalIS2_EEE4typeES2_S2_",
    "std::enable_if<std::is_signed<int>::value, llvm::Optional<int> >::type llvm::checkedSub<int>(int, int)",
    "llvm::checkedSub<int>",
  ],
  [
    "_ZNSt10filesystem4path6assignI3strEERNSt9enable_ifIX13__is_path_srcIT_EES0_E4typeERKS4_",
    "std::enable_if<__is_path_src<str>, std::filesystem::path>::type& std::filesystem::path::assign<str>(str const&)",
    "std::filesystem::path::assign<str>",
  ],
  [
    "_ZN9__gnu_cxxmiIPcS1_EEDTmicldtfp_4baseEcldtfp0_4baseEERKNS_2itIT_EERKNS3_IT0_EE",
    "decltype ((({parm#1}.base)())-(({parm#2}.base)())) __gnu_cxx::operator-<char*, char*>(__gnu_cxx::it<char*> const&, __gnu_cxx::it<char*> const&)",
    "__gnu_cxx::operator-<char*, char*>",
  ],
  [
    "_Z4useUIiJLm0ELm1EEEvSt16integer_sequenceImJXspT0_EEE",
    "void useU<int, 0ul, 1ul>(std::integer_sequence<unsigned long, 0ul, 1ul>)",
    "useU<int, 0ul, 1ul>",
  ],
];

const rust: readonly (readonly [mangled: string, name: string])[] = [
  ["_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad"],
  ["_ZN50_$LT$core..cell..RefCell$LT$T$GT$$u20$as$u20$X$GT$1f17h0123456789abcdefE", "<core::cell::RefCell<T> as X>::f"],
  ["_RNvC6_123foo3bar", "123foo::bar"],
  ["_RNvNtNtCs1234_7mycrate3foo3bar3baz", "mycrate::foo::bar::baz"],
  ["_RNCNvCs1_4main4work0B3_", "main::work::{closure#0}"],
  ["_RINvCs1_4main4workjE", "main::work::<usize>"],
  ["_RINvCs1_4main4workjE.cold", "main::work::<usize>.cold"],
  ["_RINvCs1_4main4workjE.llvm.5540057329546874339.cold", "main::work::<usize>.cold"],
  ["_RNvC6_123foo3bar.llvm.4AE8FC9", "123foo::bar"],
  ["_ZN4core3fmt9Formatter3pad17h0123456789abcdefE.llvm.4311236201544885740.warm", "core::fmt::Formatter::pad.warm"],
];

describe("demangling", () => {
  for (const [mangled, full, simple] of cpp) {
    it(`writes ${mangled} as ${full}`, () => {
      assert.equal(demangle(mangled, "full"), full);
      if (simple !== "") assert.equal(demangle(mangled, "simple"), simple);
      assert.equal(demangle(mangled, "none"), mangled);
    });
  }

  for (const [mangled, name] of rust) {
    it(`writes ${mangled} as ${name}`, () => assert.equal(demangle(mangled, "full"), name));
  }

  it("leaves out the version that a symbol has in some files", () => {
    assert.equal(demangle("fclose@@GLIBC_2.2.5", "full"), "fclose");
    assert.equal(demangle("memcpy@GLIBC_2.14", "simple"), "memcpy");
    assert.equal(demangle("_ZNSs7_M_dataEPc@@GLIBCXX_3.4", "full"), "std::string::_M_data(char*)");
    assert.equal(demangle("fclose@@GLIBC_2.2.5", "none"), "fclose@@GLIBC_2.2.5");
    for (const name of ["@", "@main", "a@b c"]) assert.equal(demangle(name, "full"), name);
  });

  it("leaves alone what is not mangled, or not in a way that it knows", () => {
    for (const name of ["main", "_start", "_Zzz", "_ZN", "_R", "__libc_start_main", "main.main", "_ZN3foo", ""]) {
      assert.equal(demangle(name, "full"), name);
    }
  });

  it("ends soon, and with a text of bounded length, whatever the name is", () => {
    const random = createRandom(7);
    const names = [...cpp.map(([name]) => name), ...rust.map(([name]) => name)];
    // Each pair of letters doubles what the one before stands for.
    const doubling = `_Z1fI${Array.from({ length: 30 }, (_, i) => `1AIS${i === 0 ? "" : i.toString(36).toUpperCase()}_S`).join("")}`;
    names.push(doubling, `_Z${"N1a".repeat(2000)}`, `_Z1f${"P".repeat(8000)}i`, `_R${"NvB".repeat(2000)}`);
    const start = cpuMs();
    for (let round = 0; round < 3000; round++) {
      const name = mutate(Buffer.from(random.pick(names)), random).toString("latin1");
      assert.ok(demangle(name, "full").length <= 65_536);
    }
    assert.ok(cpuMs() - start < 10_000);
  });
});

/** C++ libraries that most machines have. */
const libraries = [
  "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
  "/usr/lib/aarch64-linux-gnu/libstdc++.so.6",
  "/usr/lib64/libstdc++.so.6",
].filter(existsSync);
const hasTools = spawnSync("nm", ["--version"]).status === 0;
const skip = hasTools && libraries.length > 0 ? false : "needs nm and a libstdc++.so.6";

describe("all names of libstdc++", { skip }, () => {
  it("are written as nm -C writes them", () => {
    const names = (...options: string[]): string[] =>
      execFileSync("nm", ["-D", "-p", "--defined-only", "--without-symbol-versions", ...options, libraries[0]], {
        encoding: "utf8",
        maxBuffer: 1 << 26,
      })
        .trim()
        .split("\n")
        .map((line) => line.replace(/^[0-9a-f]* +\S +/, ""));
    const mangled = names();
    const expected = names("-C");
    assert.ok(mangled.length > 3000, `${mangled.length} names`);
    const different = mangled.flatMap((name, i) => {
      const written = demangle(name, "full");
      return written === expected[i] ? [] : [{ name, written, expected: expected[i] }];
    });
    assert.deepEqual(different.slice(0, 5), [], `${different.length} of ${mangled.length}`);
  });
});
