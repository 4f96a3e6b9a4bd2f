import type { ExtensionFactory } from "../src/component/factory.js";
import { healthCheck } from "./health_check/index.js";

export const extensions: readonly ExtensionFactory[] = [healthCheck];
