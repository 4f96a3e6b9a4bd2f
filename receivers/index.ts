import type { ReceiverFactory } from "../src/component/factory.js";

export const receivers: readonly ReceiverFactory[] = [];
