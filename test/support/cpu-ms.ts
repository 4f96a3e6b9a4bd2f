/** The CPU that this process has taken: a measure of work that a busy machine doesn't change. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
