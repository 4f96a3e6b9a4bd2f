// Regenerates what the docs say about components: node scripts/docs.mjs [--check]
// - README.md: the component table between <!-- components:begin --> and <!-- components:end -->
// - each component's README.md: its keys between <!-- keys:begin --> and <!-- keys:end -->
// - config/schema.json
// Needs a build: it reads the factory lists of dist/ (or of the folder after --dist). --check writes nothing and fails
// with the names of files that are out of date.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

process.chdir(join(import.meta.dirname, ".."));

const check = process.argv.includes("--check");
const distAt = process.argv.indexOf("--dist");
const dist = distAt < 0 ? "dist" : process.argv[distAt + 1];
if (!existsSync(join(dist, "src", "main.js"))) fail([`${dist}/ is missing: run \`npm run build\` first`]);

const load = (file) => import(pathToFileURL(join(dist, file)).href);
const { componentJsonSchema, configJsonSchema } = await load("src/config/json-schema.js");
const sections = ["receivers", "processors", "exporters", "connectors", "extensions"];
const factories = Object.fromEntries(
  await Promise.all(sections.map(async (section) => [section, (await load(`${section}/index.js`))[section]])),
);

const problems = [];
update("config/schema.json", () => `${JSON.stringify(configJsonSchema(factories), null, 1)}\n`);
update("README.md", (text, file) => between(text, "components", componentTable(), file));
for (const section of sections) {
  for (const factory of factories[section]) {
    update(join(section, factory.type, "README.md"), (text, file) => between(text, "keys", keysTable(factory), file));
  }
}
if (problems.length > 0) fail(problems);

function fail(lines) {
  process.stderr.write(`${lines.join("\n")}\n`);
  process.exit(1);
}

/** Writes what `change` makes of the file; with --check, notes that it isn't that already. */
function update(file, change) {
  const before = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  if (before === undefined && file.endsWith(".md")) {
    problems.push(`${file} is missing`);
    return;
  }
  const after = change(before ?? "", file);
  if (after === undefined || after === before) return;
  if (check) problems.push(`${file} is out of date: run \`npm run docs\``);
  else writeFileSync(file, after);
}

function between(text, name, content, file) {
  const begin = `<!-- ${name}:begin -->`;
  const end = `<!-- ${name}:end -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) {
    problems.push(`${file} lacks the lines ${begin} and ${end}`);
    return undefined;
  }
  return `${text.slice(0, from + begin.length)}\n${content}${text.slice(to)}`;
}

/** A text inside a Markdown table's cell. */
function cell(text) {
  return String(text).replaceAll("|", "\\|").replaceAll("\n", " ");
}

function componentTable() {
  const rows = sections.flatMap((section) =>
    [...factories[section]]
      .sort((a, b) => (a.type < b.type ? -1 : 1))
      .map((factory) => {
        const aliases = (factory.aliases ?? []).map((alias) => `\`${alias}\``).join(", ");
        const name = `[\`${factory.type}\`](${section}/${factory.type})${aliases ? ` (also ${aliases})` : ""}`;
        return `| ${factory.kind} | ${name} | ${factory.stability} | ${cell(factory.summary)} |\n`;
      }),
  );
  return `| kind | type | stability | what it does |\n|---|---|---|---|\n${rows.join("")}`;
}

function keysTable(factory) {
  const rows = keyRows(componentJsonSchema(factory.schema), "", []);
  if (rows.length === 0) return "It has no keys.\n";
  const lines = rows.map(({ key, type, fallback, meaning }) => {
    return `| \`${key}\` | ${cell(type)} | ${fallback} | ${cell(meaning)} |\n`;
  });
  return `| key | type | default | meaning |\n|---|---|---|---|\n${lines.join("")}`;
}

/** One row for each key, keys of structs below their struct. */
function keyRows(schema, prefix, seen) {
  if (seen.includes(schema)) return [];
  const rows = [];
  for (const part of alternatives(schema)) {
    if (part.items) rows.push(...keyRows(part.items, `${prefix}[]`, [...seen, schema]));
    if (isMapOf(part)) rows.push(...keyRows(part.additionalProperties, `${prefix}.<name>`, [...seen, schema]));
    for (const [name, child] of Object.entries(part.properties ?? {})) {
      const key = prefix === "" ? name : `${prefix}.${name}`;
      const required = part.required?.includes(name) ?? false;
      rows.push({ key, type: typeOf(child), fallback: fallbackOf(child, required), meaning: child.description ?? "" });
      rows.push(...keyRows(child, key, [...seen, schema]));
    }
  }
  const keys = new Set();
  return rows.filter(({ key }) => !keys.has(key) && keys.add(key));
}

function alternatives(schema) {
  return [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
}

function isMapOf(schema) {
  return typeof schema.additionalProperties === "object" && Object.keys(schema.additionalProperties).length > 0;
}

function typeOf(schema) {
  if (schema.duration) return "duration";
  if (schema.secret) return "secret string";
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => (value === "" ? '""' : value)).join(", ");
  const inner = schema.anyOf ?? schema.oneOf;
  if (inner) return [...new Set(inner.map(typeOf))].join(" or ");
  if (schema.type === "array") return schema.items ? `list of ${plural(typeOf(schema.items))}` : "list";
  if (schema.type === "object") {
    if (isMapOf(schema)) return `map of ${plural(typeOf(schema.additionalProperties))}`;
    return "map";
  }
  return { integer: "int", boolean: "bool", number: "float" }[schema.type] ?? schema.type ?? "any";
}

function plural(type) {
  return /^(any|map|.*[", ].*)$/.test(type) && !type.endsWith("string") ? (type === "map" ? "maps" : type) : `${type}s`;
}

function fallbackOf(schema, required) {
  if (schema.default === undefined) return required ? "required" : "";
  const isStruct = typeof schema.default === "object" && !Array.isArray(schema.default);
  if (isStruct && Object.keys(schema.default).length === 0) return "";
  return `\`${typeof schema.default === "string" && schema.default !== "" ? schema.default : JSON.stringify(schema.default)}\``;
}
