import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { isMap, parseDocument } from "yaml";
import { loadConfig } from "../../src/config/load.js";
import { formatProblem } from "../../src/config/problem.js";
import { components, factories, workingInput } from "../contract/components.js";

const sections = ["receivers", "processors", "exporters", "connectors", "extensions"];

function markdown(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => join(dir, file));
}

const pages = [...readdirSync(".").filter((file) => file.endsWith(".md")), ...["docs", ...sections].flatMap(markdown)];

/** Every YAML example of the docs, with the page and line it begins on. */
const examples = pages.flatMap((page) => {
  const text = readFileSync(page, "utf8");
  return [...text.matchAll(/^```ya?ml\n([\s\S]*?)^```/gm)].map((match) => ({
    place: `${page}:${text.slice(0, match.index).split("\n").length}`,
    yaml: match[1],
  }));
});

type Section = Record<string, unknown>;

/** What `id` is configured with where an example only names it. */
function usual(section: string, id: string): unknown {
  const found = components.find(({ name }) => name === `${section}/${id.split("/")[0]}`);
  return found && workingInput(found.factory, found.folder);
}

/**
 * The example as a whole configuration: the components of a part are put into a pipeline, components that are only named
 * get a configuration. undefined for YAML that is about something else.
 */
function complete(yaml: string): string | undefined {
  const document = parseDocument(yaml);
  if (!isMap(document.contents)) return undefined;
  const root = document.toJS() as Record<string, Section | undefined>;
  const ids = (section: string) => Object.keys(root[section] ?? {});
  if (root.service === undefined && sections.every((section) => ids(section).length === 0)) return undefined;
  const pipeline = {
    receivers: ids("receivers").length > 0 ? ids("receivers") : ["otlp"],
    processors: ids("processors"),
    exporters: ids("exporters").length > 0 ? ids("exporters") : ["nop"],
  };
  const service = root.service ?? { extensions: ids("extensions"), pipelines: { profiles: pipeline } };
  const added: Record<string, Section> = {};
  for (const parts of Object.values((service.pipelines ?? {}) as Record<string, Record<string, string[]>>)) {
    for (const [section, names] of Object.entries(parts)) {
      for (const id of names) {
        if (ids(section).includes(id) || ids("connectors").includes(id)) continue;
        added[section] = { ...added[section], [id]: usual(section, id) };
      }
    }
  }
  // As it is written, where nothing has to be added: the text is the example.
  if (root.service !== undefined && Object.keys(added).length === 0) return yaml;
  const filled = sections.map((section) => [section, { ...root[section], ...added[section] }] as const);
  return JSON.stringify({
    ...root,
    ...Object.fromEntries(filled.filter(([, value]) => Object.keys(value).length > 0)),
    service,
  });
}

async function problemsOf(yaml: string): Promise<string[]> {
  const { problems } = await loadConfig({
    sources: [`yaml:${yaml}`],
    factories,
    readFile: (path) => Promise.reject(new Error(`an example reads ${path}`)),
    // Whatever an example takes from its environment is there.
    env: new Proxy({}, { get: () => "value", has: () => true }),
  });
  return problems.map(formatProblem);
}

describe("YAML in the docs", () => {
  for (const { place, yaml } of examples) {
    const config = complete(yaml);
    if (config === undefined) continue;
    it(`${place} is a configuration that runs`, async () => {
      assert.deepEqual(await problemsOf(config), []);
    });
  }

  it("has whole configurations among them", () => {
    assert.ok(examples.some(({ yaml }) => /^service:/m.test(yaml)));
  });

  it("would be noticed if it were wrong", async () => {
    const wrong = complete("exporters:\n  nop:\n    no_such_key: 1\n");
    assert.match((await problemsOf(wrong ?? ""))[0], /no_such_key/);
  });
});
