import type { ConnectorFactory } from "../src/component/factory.js";
import { forward } from "./forward/index.js";

export const connectors: readonly ConnectorFactory[] = [forward];
