import { toPlain } from "./node.js";
import { parseYaml } from "./parse-yaml.js";
import { createProblemList } from "./problem.js";

/** A YAML value without loss: integers are bigint, floats are number, "__proto__" is an own key like any other. */
export type YamlValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly YamlValue[]
  | { readonly [key: string]: YamlValue };

/** Reads one YAML (or JSON) text by the Collector's scalar rules; throws an Error that says what is wrong with it. */
export function parseYamlValue(text: string): YamlValue {
  const problems = createProblemList();
  const { node } = parseYaml(text, { file: "", allowProtoKey: true }, problems);
  if (problems.problems.length > 0 || !node) throw new Error(problems.problems[0]?.message ?? "cannot parse YAML");
  return toPlain(node) as YamlValue;
}
