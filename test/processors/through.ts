import { background, type Context } from "../../src/component/context.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { buildFromYaml } from "../support/build-from-yaml.js";
import { type PlainResource, plainOf, profilesOf } from "../support/plain-profiles.js";

/** A pipeline with one processor, given as the YAML of its configuration. */
export interface Through {
  /** Sends a batch; returns what came out, undefined if nothing did. */
  send(resources: readonly PlainResource[], ctx?: Context): Promise<Required<PlainResource>[] | undefined>;
  sendProfiles(profiles: Profiles, ctx?: Context): Promise<Profiles | undefined>;
  /** Value of a metric of the processor, 0 if it has none. */
  metric(name: string): Promise<number>;
}

/** Builds source -> processor -> sink; throws the configuration's problems. */
export async function through(type: string, yaml: string): Promise<Through> {
  const indented = yaml.trim().replace(/^/gm, "    ");
  const built = await buildFromYaml(
    `receivers: {source: }\nexporters: {sink: }\nprocessors:\n  ${type}:\n${indented}\n` +
      `service: {pipelines: {profiles: {receivers: [source], processors: [${type}], exporters: [sink]}}}\n`,
  );
  const sendProfiles = async (profiles: Profiles, ctx = background): Promise<Profiles | undefined> => {
    const taken = built.sinks.get("sink")?.taken ?? [];
    const before = taken.length;
    await built.send(profiles, "source", ctx);
    return taken.length > before ? taken[taken.length - 1].profiles : undefined;
  };
  return {
    sendProfiles,
    async send(resources, ctx) {
      const out = await sendProfiles(profilesOf(resources), ctx);
      return out && plainOf(out);
    },
    async metric(name) {
      const line = new RegExp(`^${name}\\{[^}]*component="${type}"[^}]*\\} (\\d+)$`, "m");
      return Number(line.exec(await built.metrics.text())?.[1] ?? 0);
    },
  };
}
