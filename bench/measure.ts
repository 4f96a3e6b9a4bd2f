/** CPU seconds per GB of input: median of seven rounds of about 0.2 s each, once the code has been compiled. */
function measure(run: () => number, bytesIn: number): number {
  const warmUntil = performance.now() + 1000;
  do run();
  while (performance.now() < warmUntil);
  const rounds: number[] = [];
  for (let round = 0; round < 7; round++) {
    const before = process.cpuUsage();
    let times = 0;
    const until = performance.now() + 200;
    do {
      run();
      times++;
    } while (performance.now() < until);
    const used = process.cpuUsage(before);
    rounds.push((used.user + used.system) / 1e6 / ((bytesIn * times) / 1e9));
  }
  return rounds.sort((a, b) => a - b)[3];
}

/** Runs each case and prints a row of it; a case reads `bytesIn` bytes and returns how many it made of them. */
export function printCases(bytesIn: number, cases: Record<string, () => number>): void {
  console.log(`${"case".padEnd(34)}${"CPU s/GB".padStart(10)}${"MB/s".padStart(8)}${"bytes out".padStart(12)}`);
  for (const [name, run] of Object.entries(cases)) {
    const perGb = measure(run, bytesIn);
    const mbPerSecond = (1000 / perGb).toFixed(0);
    console.log(
      `${name.padEnd(34)}${perGb.toFixed(1).padStart(10)}${mbPerSecond.padStart(8)}${String(run()).padStart(12)}`,
    );
  }
}
