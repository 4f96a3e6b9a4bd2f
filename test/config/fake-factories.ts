import { z } from "zod";
import type { Factories } from "../../src/component/factory.js";
import { duration, secret } from "../../src/component/schema.js";

const unused = (): never => {
  throw new Error("not built in config tests");
};

const base = { stability: "alpha", summary: "a fake", signals: ["profiles"], create: unused } as const;

const server = z.strictObject({
  endpoint: z.string().default("localhost:4317").describe("Address."),
  max_recv_msg_size_mib: z.int().default(64).describe("Limit."),
  include_metadata: z.boolean().default(false).describe("Keep metadata."),
  tls: z
    .strictObject({ cert_file: z.string().describe("Certificate."), key_file: z.string().describe("Key.") })
    .optional()
    .describe("TLS."),
});

const otlpReceiver = z
  .strictObject({
    protocols: z.strictObject({ grpc: server.optional(), http: server.optional() }).prefault({}).describe("Protocols."),
  })
  .refine((config) => config.protocols.grpc !== undefined || config.protocols.http !== undefined, {
    message: "must specify at least one protocol when using the OTLP receiver",
  });

const exporterSchema = z
  .strictObject({
    endpoint: z.string().default("").describe("Address."),
    encoding: z.enum(["proto", "json"]).default("proto").describe("Encoding."),
    timeout: duration("5s").describe("Per attempt."),
    ratio: z.number().default(0.5).describe("A float."),
    token: secret().optional().describe("Bearer token."),
    headers: z
      .union([
        z.record(z.string(), secret()),
        z.array(z.strictObject({ name: z.string().describe("Name."), value: secret().describe("Value.") })),
      ])
      .optional()
      .describe("Headers."),
    sending_queue: z
      .strictObject({
        enabled: z.boolean().default(true).describe("On."),
        queue_size: z.int().positive({ error: "`queue_size` must be positive" }).default(1000).describe("Size."),
        sizer: z.enum(["requests", "items", "bytes"]).default("requests").describe("Unit."),
        batch: z
          .strictObject({ min_size: z.int().min(0).default(8192).describe("Least.") })
          .optional()
          .describe("Batch."),
      })
      .prefault({})
      .describe("Queue."),
    tags: z.array(z.string()).default(["a"]).describe("A list of text."),
  })
  .superRefine((config, ctx) => {
    if (config.endpoint === "")
      ctx.addIssue({ code: "custom", path: ["endpoint"], message: 'requires a non-empty "endpoint"' });
  });

const attributes = z.strictObject({
  actions: z
    .array(
      z.strictObject({
        key: z.string().describe("Key."),
        action: z.string().describe("Action."),
        value: z.unknown().optional().describe("Any YAML value."),
        note: z.string().nullable().optional().describe("Takes null."),
      }),
    )
    .default([])
    .describe("Actions."),
});

const debug = z.strictObject({
  verbosity: z.enum(["basic", "normal", "detailed"]).default("basic").describe("How much."),
});

/** Small stand-ins with one of everything that a component's schema can hold. */
export const fakeFactories: Factories = {
  receivers: [{ ...base, kind: "receiver", type: "otlp", schema: otlpReceiver as never }],
  processors: [
    {
      ...base,
      kind: "processor",
      type: "batch",
      schema: z.strictObject({ timeout: duration("200ms").describe("T.") }) as never,
    },
    { ...base, kind: "processor", type: "attributes", schema: attributes as never },
  ],
  exporters: [
    { ...base, kind: "exporter", type: "otlp_grpc", aliases: ["otlp"], schema: exporterSchema as never },
    { ...base, kind: "exporter", type: "debug", schema: debug as never },
  ],
  connectors: [{ ...base, kind: "connector", type: "forward", schema: z.strictObject({}) as never }],
  extensions: [
    {
      ...base,
      kind: "extension",
      type: "health_check",
      schema: z.strictObject({ endpoint: z.string().default("localhost:13133").describe("E.") }) as never,
    },
  ],
};
