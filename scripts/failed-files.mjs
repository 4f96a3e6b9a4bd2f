// A reporter for node's test runner: writes, as JSON, the files with a failure and the counts of the summary.
// biome-ignore lint/style/noDefaultExport: it is what node looks for in a reporter.
export default async function* failedFiles(events) {
  const files = new Set();
  const counts = {};
  for await (const { type, data } of events) {
    if (type === "test:fail" && data.file !== undefined) files.add(data.file);
    const [, name, count] = (type === "test:diagnostic" && /^([a-z]+) (\d+)$/.exec(data.message)) || [];
    if (name !== undefined) counts[name] = Number(count);
  }
  yield JSON.stringify({ files: [...files], counts });
}
