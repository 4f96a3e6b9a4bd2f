import { z } from "zod";
import { duration, secret } from "../../src/component/schema.js";
import { httpClientFields } from "../../src/net/http-client.js";
import { relabelRulesField } from "../../src/relabel/config.js";

const basicAuth = z
  .strictObject({
    username: z.string().describe("User name."),
    password: secret().default("").describe("Password."),
  })
  .optional()
  .describe("HTTP basic authentication.");

const authorization = z
  .strictObject({
    type: z.string().min(1).default("Bearer").describe("Scheme; Basic has a block of its own, basic_auth."),
    credentials: secret().describe("What follows the scheme."),
  })
  .optional()
  .describe("Any other Authorization header.");

/** A client without an address of its own. */
const clientFields = {
  basic_auth: basicAuth,
  authorization,
  bearer_token: secret().default("").describe("Sent as Authorization: Bearer."),
  tls: httpClientFields.tls,
  headers: httpClientFields.headers,
  proxy_url: httpClientFields.proxy_url,
  max_conns_per_host: httpClientFields.max_conns_per_host,
  idle_conn_timeout: httpClientFields.idle_conn_timeout,
  disable_keep_alives: httpClientFields.disable_keep_alives,
};

const oneAuth = {
  error: "`basic_auth`, `authorization` and `bearer_token` exclude each other",
  path: ["bearer_token"],
};

const clientSchema = z.strictObject(clientFields);
export type ScrapeClientConfig = z.output<typeof clientSchema>;

type AuthConfig = Pick<ScrapeClientConfig, "basic_auth" | "authorization" | "bearer_token">;

function hasOneAuth({ basic_auth, authorization, bearer_token }: AuthConfig): boolean {
  return [basic_auth, authorization, bearer_token].filter(Boolean).length <= 1;
}

interface KindDefaults {
  readonly enabled: boolean;
  readonly path: string;
  readonly delta: boolean;
  readonly cumulative: boolean;
}

const kindFields = ({ enabled, path, delta, cumulative }: KindDefaults) => ({
  enabled: z.boolean().default(enabled).describe("Scrape it."),
  path: z.string().startsWith("/").default(path).describe("Path of the endpoint."),
  delta: z
    .boolean()
    .default(delta)
    .describe("Ask the target to profile for some seconds (`seconds=`); the answer comes when they are over."),
  cumulative: z
    .boolean()
    .default(cumulative)
    .describe("Values that count from the process' begin are made differences between two scrapes."),
});

function kind(about: string, path: string, options: Partial<KindDefaults> = {}) {
  const defaults: KindDefaults = { enabled: true, path, delta: false, cumulative: !options.delta, ...options };
  return z.strictObject(kindFields(defaults)).prefault({}).describe(about);
}

const godelta = { enabled: false, cumulative: false };

/** The kinds by their keys; `godeltaprof_…` are differences already. */
const kinds = {
  process_cpu: kind("CPU time.", "/debug/pprof/profile", { delta: true }),
  memory: kind("Allocations, and the heap in use.", "/debug/pprof/allocs"),
  goroutine: kind("Stacks of all goroutines.", "/debug/pprof/goroutine"),
  mutex: kind("Contended mutexes.", "/debug/pprof/mutex"),
  block: kind("Blocking operations.", "/debug/pprof/block"),
  fgprof: kind("On-CPU and off-CPU time by fgprof.", "/debug/fgprof", { enabled: false, delta: true }),
  godeltaprof_memory: kind("As memory, by godeltaprof.", "/debug/pprof/delta_heap", godelta),
  godeltaprof_mutex: kind("As mutex, by godeltaprof.", "/debug/pprof/delta_mutex", godelta),
  godeltaprof_block: kind("As block, by godeltaprof.", "/debug/pprof/delta_block", godelta),
};

const customKind = z.strictObject({
  ...kindFields({ enabled: true, path: "/", delta: false, cumulative: true }),
  path: z.string().startsWith("/").describe("Path of the endpoint. Required."),
});

export type KindConfig = z.output<typeof customKind>;

const profilingSchema = z
  .strictObject({
    path_prefix: z.string().default("").describe("Put in front of every path."),
    ...kinds,
    custom: z
      .record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, "a profile's name has letters, digits and _"), customKind)
      .default({})
      .describe("More profiles, by the name that they are to have."),
  })
  .prefault({})
  .describe("What to scrape from each target.");

const labels = z.record(z.string(), z.string()).default({});

const staticConfig = z.strictObject({
  targets: z.array(z.string().min(1)).describe("host:port each."),
  labels: labels.describe("Labels of all of them."),
});

const fileSdConfig = z.strictObject({
  files: z
    .array(z.string().min(1))
    .min(1)
    .describe("Files (.json, .yml, .yaml) with lists of targets; globs are allowed."),
  refresh_interval: duration("5s").describe("Look this often for files that are new, changed or gone."),
});

const httpSdConfig = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }).describe("Answers with a JSON list of targets."),
    refresh_interval: duration("60s").describe("Ask this often."),
    ...clientFields,
  })
  .refine(hasOneAuth, oneAuth);

export type FileSdConfig = z.output<typeof fileSdConfig>;
export type HttpSdConfig = z.output<typeof httpSdConfig>;

const defaultDeltaMs = 14_000;

const scrapeConfig = z
  .strictObject({
    job_name: z.string().default("").describe("Label job of the targets; empty means this component's id."),
    scrape_interval: duration("15s").describe("Scrape each profile of each target this often."),
    scrape_timeout: duration("10s").describe(
      "Longest time for an answer, beyond the seconds that the target was asked for.",
    ),
    delta_profiling_duration: duration("14s").describe(
      "Seconds that a target is asked to profile for; the default means scrape_interval less 1s.",
    ),
    scheme: z.enum(["http", "https"]).default("http").describe("http or https."),
    params: z.record(z.string(), z.array(z.string())).default({}).describe("Query parameters, a list of values each."),
    max_body_size: z
      .int()
      .min(1)
      .default(64 * 1024 * 1024)
      .describe("Largest profile in bytes, before and after decompression."),
    max_targets: z.int().min(1).default(10_000).describe("Profiles of targets that are scraped; more are ignored."),
    ...clientFields,
    profiling_config: profilingSchema,
    static_configs: z.array(staticConfig).default([]).describe("Targets listed here."),
    file_sd_configs: z.array(fileSdConfig).default([]).describe("Targets listed in files, which are watched."),
    http_sd_configs: z.array(httpSdConfig).default([]).describe("Targets that a server lists."),
    relabel_configs: relabelRulesField
      .default([])
      .describe("Prometheus' relabel rules, for each profile of each target; they see its labels, `__…__` included."),
  })
  .refine(hasOneAuth, oneAuth)
  .superRefine(checkTimes);

export type ScrapeConfig = z.output<typeof scrapeConfig>;

function checkTimes(config: z.output<z.ZodObject<typeof scrapeConfig.shape>>, ctx: z.core.$RefinementCtx): void {
  const { scrape_interval, scrape_timeout, delta_profiling_duration: delta } = config;
  const refuse = (key: string, message: string) => ctx.addIssue({ code: "custom", path: [key], message });
  if (scrape_interval <= 0) refuse("scrape_interval", "must be greater than 0");
  if (scrape_timeout <= 0) refuse("scrape_timeout", "must be greater than 0");
  if (!kindsOf(config.profiling_config).some(({ delta }) => delta)) return;
  if (delta !== defaultDeltaMs && (delta < 1000 || delta > scrape_interval - 1000)) {
    refuse("delta_profiling_duration", "must be at least 1s, and at least 1s less than scrape_interval");
  } else if (scrape_interval < 2000) {
    refuse("scrape_interval", "must be at least 2s where a profile takes seconds (turn off process_cpu, or its delta)");
  }
}

/** Whole seconds that a target is asked to profile for. */
export function profilingSeconds(config: Pick<ScrapeConfig, "scrape_interval" | "delta_profiling_duration">): number {
  const { scrape_interval, delta_profiling_duration: delta } = config;
  return Math.max(1, Math.floor((delta === defaultDeltaMs ? scrape_interval - 1000 : delta) / 1000));
}

export interface NamedKind extends KindConfig {
  readonly key: string;
  /** `__name__`, and the profile's name in Pyroscope. */
  readonly name: string;
}

/** The kinds that are to be scraped. */
export function kindsOf({ path_prefix, custom, ...known }: z.output<typeof profilingSchema>): NamedKind[] {
  return Object.entries({ ...known, ...custom })
    .filter(([, { enabled }]) => enabled)
    .map(([key, config]) => ({ ...config, key, name: key.replace(/^godeltaprof_/, "") }));
}

const fileFormats = ["auto", "pprof", "folded", "perf_script", "cpuprofile", "speedscope", "jfr"] as const;
export type FileFormat = (typeof fileFormats)[number];

export const pprofReceiverSchema = z
  .strictObject({
    scrape_configs: z.array(scrapeConfig).default([]).describe("What to scrape."),
    files: z.array(z.string().min(1)).default([]).describe("Files of profiles to read; globs are allowed."),
    files_format: z
      .enum(fileFormats)
      .default("auto")
      .describe("What the files hold; auto goes by their names' endings, and takes all others for pprof."),
    files_sample_rate: z
      .number()
      .min(0)
      .default(0)
      .describe("Samples of CPU time a second in files of folded stacks; 0 = they are counts of something else."),
    files_poll_interval: duration("0s").describe(
      "Look this often for files that are new or changed; 0 = once, at start.",
    ),
    files_labels: labels.describe("Labels of all files, such as service_name."),
    max_file_size: z
      .int()
      .min(1)
      .default(64 * 1024 * 1024)
      .describe("Largest file in bytes, before and after decompression."),
    max_delta_bytes: z
      .int()
      .min(0)
      .default(256 * 1024 * 1024)
      .describe("Memory for the values of earlier scrapes, of all targets; profiles that don't fit are not taken."),
  })
  .superRefine(({ scrape_configs, files }, ctx) => {
    if (scrape_configs.length > 0 || files.length > 0) return;
    ctx.addIssue({ code: "custom", message: "nothing to do: `scrape_configs` or `files` must be given" });
  });

export type PprofReceiverConfig = z.output<typeof pprofReceiverSchema>;
