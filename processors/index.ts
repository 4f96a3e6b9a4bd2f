import type { ProcessorFactory } from "../src/component/factory.js";
import { attributes } from "./attributes/index.js";
import { batch } from "./batch/index.js";
import { memoryLimiter } from "./memory_limiter/index.js";
import { redaction } from "./redaction/index.js";
import { relabel } from "./relabel/index.js";
import { resource } from "./resource/index.js";
import { symbolize } from "./symbolize/index.js";

export const processors: readonly ProcessorFactory[] = [
  memoryLimiter,
  batch,
  resource,
  attributes,
  relabel,
  redaction,
  symbolize,
];
