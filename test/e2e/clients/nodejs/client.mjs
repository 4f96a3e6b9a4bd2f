// Works under @pyroscope/nodejs until it has taken RUN_CPU_MS of the CPU, and RUN_MS at least; then says how it was.
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

function spin(rounds) {
  for (let i = 0; i < rounds; i++) total = (total * 31 + i) % 1_000_003;
}

function hashOrders() {
  spin(3_000_000);
}

function parseOrders() {
  spin(1_000_000);
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
const begunMs = performance.now();
const elapsedMs = () => performance.now() - begunMs;
const cpuMs = () => (process.cpuUsage(begun).user + process.cpuUsage(begun).system) / 1000;
while (elapsedMs() < Number(process.env.RUN_MS) || cpuMs() < Number(process.env.RUN_CPU_MS)) {
  work();
  await new Promise((wake) => setTimeout(wake, 20));
}
const report = { cpuMs: cpuMs(), elapsedMs: elapsedMs(), kept: kept.length, total };
await Pyroscope.stop();
process.stdout.write(`${JSON.stringify(report)}\n`);
