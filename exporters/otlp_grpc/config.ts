import { z } from "zod";
import { queueField, retryField, timeoutField } from "../../src/delivery/config.js";
import { checkGrpcClient, grpcClientFields } from "../../src/net/grpc-config.js";

export const otlpGrpcSchema = z
  .strictObject({
    ...grpcClientFields,
    timeout: timeoutField("5s"),
    retry_on_failure: retryField(),
    sending_queue: queueField({ enabledByDefault: true }),
  })
  .superRefine(checkGrpcClient);

export type OtlpGrpcConfig = z.output<typeof otlpGrpcSchema>;
