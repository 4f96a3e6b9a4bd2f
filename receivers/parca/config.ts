import { z } from "zod";
import { grpcServerFields } from "../../src/net/grpc-config.js";

export const parcaReceiverSchema = z.strictObject({
  endpoint: z
    .string()
    .default("localhost:7070")
    .describe("host:port to listen on, or a socket's path with `transport: unix`."),
  ...grpcServerFields,
  max_in_flight_bytes: z
    .int()
    .min(1)
    .default(256 * 1024 * 1024)
    .describe(
      "Requests being worked on hold this many bytes at most; more are answered RESOURCE_EXHAUSTED with a delay.",
    ),
});

export type ParcaReceiverConfig = z.output<typeof parcaReceiverSchema>;
