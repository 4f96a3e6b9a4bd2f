import { z } from "zod";
import type { TargetGroup } from "./target.js";

/** Addresses of one list; more are a mistake. */
const maxAddresses = 100_000;

const scalar = z.union([z.string(), z.number(), z.bigint(), z.boolean()]).transform(String);

const groupSchema = z.strictObject({
  targets: z.array(scalar),
  labels: z.record(z.string(), scalar).nullish(),
});

/** Prometheus' format of file_sd and http_sd: a list of {targets, labels}. Throws an Error that says what is wrong. */
export function readTargetGroups(list: unknown, meta: Readonly<Record<string, string>>): TargetGroup[] {
  const parsed = z.array(groupSchema).safeParse(list ?? []);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(`no list of {targets, labels}: ${issue.path.join(".") || "the whole"}: ${issue.message}`);
  }
  const count = parsed.data.reduce((sum, { targets }) => sum + targets.length, 0);
  if (count > maxAddresses) throw new Error(`${count} targets (at most ${maxAddresses})`);
  return parsed.data.map(({ targets, labels }) => ({ targets, labels: { ...labels, ...meta } }));
}
