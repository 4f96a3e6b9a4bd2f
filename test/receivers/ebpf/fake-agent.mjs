// Stands in for an agent: node fake-agent.mjs MODE …; what follows is whatever an agent would be given. Whoever reads what
// it prints may interrupt it at once: it listens to that first.
import { writeFileSync } from "node:fs";

const [mode, file] = process.argv.slice(2);
if (process.argv.at(-1) === "--version") {
  process.stdout.write("bpftrace v0.17.0\n");
  process.exit();
}
const print = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const map = (name, entries) => print({ type: "map", data: { [name]: entries } });
const stack = (name) => `7,7,work,,\n\t4011 ${name}+1 (/bin/work)\n`;
const idle = setInterval(() => {}, 1_000_000);
const onInterrupt = (work) =>
  process.once("SIGINT", () => {
    work();
    clearInterval(idle);
  });

const modes = {
  // An interval, and on SIGINT what was counted since.
  good() {
    onInterrupt(() => {
      map("@an", 0);
      map("@b", { [stack("last")]: 3 });
      map("@bn", 3);
    });
    print({ type: "attached_probes", data: { probes: 3 } });
    map("@a", { [stack("first")]: 5, [stack("second")]: 2 });
    map("@an", 7);
  },
  // Its map was full: not all of the total has a stack.
  full() {
    onInterrupt(() => {});
    map("@a", { [stack("first")]: 5 });
    map("@an", 1009);
  },
  worn() {
    onInterrupt(() => {});
    process.stderr.write("ERROR: failed to look up stack id -17 (pid -1): -2\n".repeat(3));
    setTimeout(() => {
      map("@a", { [stack("first")]: 1 });
      map("@an", 1);
    }, 50);
  },
  garbage() {
    process.stdout.write('nonsense\n{"type": "map"\n\n');
    map("@a", { [stack("first")]: 1 });
    map("@an", 1);
    process.stdout.write('{"type": "map", "da');
    clearInterval(idle);
  },
  flood() {
    let text = "";
    for (let i = 0; i < 20_000; i++) text += `work;main;f${i} 1\n`;
    process.once("SIGINT", () => process.exit(0));
    const write = () => process.stdout.write(text, write);
    write();
  },
  die() {
    process.stderr.write("this agent can't go on\n");
    process.exitCode = 3;
    clearInterval(idle);
  },
  deaf() {
    process.on("SIGINT", () => {});
    if (file !== "term") process.on("SIGTERM", () => {});
    process.stderr.write("listening to nobody\n");
  },
  // Writes down what it was given, for the test.
  arguments() {
    onInterrupt(() => {});
    writeFileSync(
      file,
      JSON.stringify({ args: process.argv.slice(4), noUserSymbols: process.env.BPFTRACE_NO_USER_SYMBOLS }),
    );
  },
  noise() {
    onInterrupt(() => {});
    for (let i = 0; i < 1000; i++) process.stderr.write(`\x1b[31mline ${i}\x1b[0m\n`);
    process.stderr.write(`${"x".repeat(10_000)}\n`);
  },
};

modes[mode]();
