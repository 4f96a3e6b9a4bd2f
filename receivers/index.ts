import type { ReceiverFactory } from "../src/component/factory.js";
import { otlp } from "./otlp/index.js";

export const receivers: readonly ReceiverFactory[] = [otlp];
