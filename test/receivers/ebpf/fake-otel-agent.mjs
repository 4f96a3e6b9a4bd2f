// Stands in for the eBPF profiler: node fake-otel-agent.mjs MAIN FILE… -collection-agent=HOST:PORT …; sends FILEs with the
// command `send` of MAIN, then stays.
import { spawn } from "node:child_process";

const [main, ...rest] = process.argv.slice(2);
const files = rest.filter((arg) => !arg.startsWith("-"));
const endpoint = rest.find((arg) => arg.startsWith("-collection-agent="))?.split("=")[1];
process.stderr.write(`given ${rest.filter((arg) => arg.startsWith("-") && !arg.includes("agent")).join(" ")}\n`);
spawn(process.execPath, [main, "send", "--endpoint", endpoint, ...files], { stdio: ["ignore", "ignore", "inherit"] });
setInterval(() => {}, 1_000_000);
