import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { z } from "zod";
import { components, documentedConfigs, inputSchema, listOf, readme } from "./components.js";

type Json = Record<string, unknown>;

/** Every object that the schema describes, with its place: "retry_on_failure", "rules[]". */
function objects(schema: unknown, place = ""): { place: string; schema: Json }[] {
  if (schema === null || typeof schema !== "object") return [];
  if (Array.isArray(schema)) return schema.flatMap((entry) => objects(entry, place));
  const { properties, items, anyOf, oneOf, allOf, additionalProperties, $defs, prefixItems } = schema as Json;
  return [
    ...(properties ? [{ place, schema: schema as Json }] : []),
    ...Object.entries(properties ?? {}).flatMap(([key, entry]) => objects(entry, place ? `${place}.${key}` : key)),
    ...objects(items, `${place}[]`),
    ...objects(prefixItems, `${place}[]`),
    ...[anyOf, oneOf, allOf].flatMap((entry) => objects(entry, place)),
    ...objects(additionalProperties, `${place}.*`),
    ...Object.entries($defs ?? {}).flatMap(([key, entry]) => objects(entry, `#${key}`)),
  ];
}

function filesBelow(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: "utf8" }).map((file) => join(dir, file));
}

const pipelineCases = filesBelow(join("test", "pipelines")).filter((file) => /\.(ya?ml|ts)$/.test(file));

describe("factory lists", () => {
  it("hold every folder of their kind, each once", () => {
    for (const list of Object.values(listOf)) {
      const folders = readdirSync(list, { withFileTypes: true }).filter((entry) => entry.isDirectory());
      const listed = components.filter(({ name }) => name.startsWith(`${list}/`)).map(({ factory }) => factory.type);
      assert.deepEqual(listed.sort(), folders.map((entry) => entry.name).sort(), `${list}/index.ts`);
    }
  });

  it("give no name to two components of a kind", () => {
    for (const list of Object.values(listOf)) {
      const names = components
        .filter(({ name }) => name.startsWith(`${list}/`))
        .flatMap(({ factory }) => [factory.type, ...(factory.aliases ?? [])]);
      assert.deepEqual(
        names.filter((name, index) => names.indexOf(name) !== index),
        [],
      );
    }
  });
});

for (const { factory, folder, name } of components) {
  describe(name, () => {
    const schema = factory.schema as z.ZodType;

    it("says what it is", () => {
      assert.equal(`${listOf[factory.kind]}/${factory.type}`, name);
      assert.match(factory.type, /^[a-z][a-z0-9_]{0,62}$/);
      assert.ok(["development", "alpha", "beta", "stable"].includes(factory.stability), factory.stability);
      assert.match(factory.summary, /^\S.{10,118}\S$/);
      if (factory.kind !== "extension") assert.deepEqual(factory.signals, ["profiles"]);
    });

    it("describes every key and refuses unknown ones, at every depth", () => {
      const open: string[] = [];
      const undescribed: string[] = [];
      for (const object of objects(inputSchema(factory))) {
        if (object.schema.additionalProperties !== false) open.push(object.place);
        for (const [key, entry] of Object.entries(object.schema.properties as Record<string, Json>)) {
          if (typeof entry.description !== "string" || entry.description.length < 3) {
            undescribed.push(object.place ? `${object.place}.${key}` : key);
          }
        }
      }
      assert.deepEqual({ open, undescribed }, { open: [], undescribed: [] });
      const issues = schema.safeParse({ no_such_key: 1 }).error?.issues ?? [];
      assert.ok(
        issues.some((issue) => issue.code === "unrecognized_keys" && issue.keys.includes("no_such_key")),
        JSON.stringify(issues),
      );
    });

    it("has defaults for everything, or names the key that is missing", () => {
      for (const issue of schema.safeParse({}).error?.issues ?? []) {
        const key =
          issue.path[0] ??
          Object.keys((inputSchema(factory).properties ?? {}) as Json).find((k) => issue.message.includes(k));
        assert.ok(key !== undefined, `no key is named by ${JSON.stringify(issue)}`);
      }
    });

    it("has a README with all its keys and an example that holds", () => {
      const text = readme(folder);
      const keys = Object.keys((inputSchema(factory).properties ?? {}) as Json);
      assert.notEqual(text, "", `${folder}/README.md is missing`);
      if (keys.length > 0) assert.match(text, /^\| *key *\|/im, "no table of keys");
      assert.deepEqual(
        keys.filter((key) => !new RegExp(`\`${key}\\b`).test(text)),
        [],
        "keys that the README doesn't name",
      );
      const examples = documentedConfigs(factory, folder);
      assert.ok(examples.length > 0, "no YAML example");
      for (const example of examples) {
        const { error } = schema.safeParse(example);
        assert.equal(error, undefined, `${JSON.stringify(example)}: ${error?.message}`);
      }
    });

    it("has tests of its own and a pipeline case", () => {
      const own = filesBelow(join("test", folder)).filter((file) => file.endsWith(".test.ts"));
      assert.ok(own.length > 0, `no test in test/${folder}`);
      const word = new RegExp(`(^|[^\\w.])["'\`]?${factory.type}(/\\w+)?["'\`]?\\s*[:,\\]]`, "m");
      const used = pipelineCases.some((file) => word.test(readFileSync(file, "utf8")));
      assert.ok(used, `no case in test/pipelines uses ${factory.type}`);
    });
  });
}
