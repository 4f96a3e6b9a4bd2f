import type { ExtensionFactory } from "../src/component/factory.js";

export const extensions: readonly ExtensionFactory[] = [];
