import type { Profile, Profiles } from "../../src/pdata/profiles.js";

/**
 * A profile as collapsed stacks: outermost frame first, by function names; a frame without a function by its module in
 * brackets. `prefix` gives a first frame from the sample's attributes.
 */
export function foldedOf(batch: Profiles, profile: Profile, prefixKey?: string): Map<string, bigint> {
  const { dictionary } = batch;
  const columns = profile.columns();
  const folded = new Map<string, bigint>();
  for (let i = 0; i < columns.length; i++) {
    const frames: string[] = [];
    for (const index of columns.attrSets[columns.attrSet[i]]) {
      const { key, value } = dictionary.attribute(index);
      if (key === prefixKey) frames.push(String(value.value));
    }
    for (const at of [...dictionary.stack(columns.stack[i])].reverse()) {
      const { lines, mappingIndex } = dictionary.location(at);
      const module = dictionary.string(dictionary.mapping(mappingIndex).filenameIndex);
      if (lines.length === 0) frames.push(`[${module.replace(/^.*\//, "")}]`);
      for (const { functionIndex } of [...lines].reverse()) {
        frames.push(dictionary.string(dictionary.function(functionIndex).nameIndex));
      }
    }
    const key = frames.join(";");
    let value = folded.get(key) ?? 0n;
    for (let k = columns.valueStart[i]; k < columns.valueStart[i + 1]; k++) value += columns.values[k];
    folded.set(key, value);
  }
  return folded;
}
