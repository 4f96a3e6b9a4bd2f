import type { ProcessorFactory } from "../src/component/factory.js";

export const processors: readonly ProcessorFactory[] = [];
