// Burns CPU and allocates under @pyroscope/nodejs for RUN_SECONDS, then prints what it took of the CPU.
import Pyroscope from "@pyroscope/nodejs";

Pyroscope.init({
  appName: "shop.node",
  tags: { env: "staging" },
  flushIntervalMs: 3000,
  wall: { samplingDurationMs: 3000, collectCpuTime: true },
  heap: { samplingIntervalBytes: 16 * 1024 },
});

let total = 0;
const kept = [];

function spin(ms) {
  for (const end = performance.now() + ms; performance.now() < end; ) {
    for (let i = 0; i < 20_000; i++) total = (total * 31 + i) % 1_000_003;
  }
}

function hashOrders() {
  spin(60);
}

function parseOrders() {
  spin(20);
}

function keepOrders() {
  if (kept.length < 400) kept.push(Array.from({ length: 1000 }, (_, i) => ({ order: i })));
}

function work() {
  Pyroscope.wrapWithLabels({ route: "/orders" }, hashOrders);
  parseOrders();
  keepOrders();
}

Pyroscope.start();
const begun = process.cpuUsage();
for (const end = performance.now() + 1000 * Number(process.env.RUN_SECONDS); performance.now() < end; ) {
  work();
  await new Promise((wake) => setTimeout(wake, 20));
}
const { user, system } = process.cpuUsage(begun);
await Pyroscope.stop();
process.stdout.write(`${JSON.stringify({ cpuMs: (user + system) / 1000, kept: kept.length, total })}\n`);
