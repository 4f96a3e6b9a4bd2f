import type { z } from "zod";
import type { Logger } from "../telemetry/log.js";
import type { Metrics } from "../telemetry/metrics.js";
import type { Consumer } from "./consumer.js";
import type { Component, Extension } from "./host.js";

export type { Component, Extension } from "./host.js";

export type Kind = "receiver" | "processor" | "exporter" | "connector" | "extension";
export type Stability = "development" | "alpha" | "beta" | "stable";

/** What a component is given when it is made. */
export interface Settings {
  /** type[/name], as written in the configuration. */
  readonly id: string;
  readonly kind: Kind;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Name and version for User-Agent and the like. */
  readonly build: { readonly name: string; readonly version: string };
}

export type Receiver = Component;
export type Processor = Component & Consumer;
export type Exporter = Component & Consumer;

interface FactoryBase<C> {
  /** The YAML type; the component's folder has the same name. */
  readonly type: string;
  /** Older names, accepted with a warning. */
  readonly aliases?: readonly string[];
  readonly stability: Stability;
  /** One line for `components` and the README table. */
  readonly summary: string;
  readonly signals: readonly "profiles"[];
  /**
   * Strict zod object with a description on every key. Defaults live here. Keys keep their YAML spelling. Secrets are
   * marked with `secret()` from ./schema, durations made with `duration()`.
   */
  readonly schema: z.ZodType<C>;
}

/** `create` has no side effects (no ports, files or timers), so that `validate` can build the whole graph. */
export interface ReceiverFactory<C = unknown> extends FactoryBase<C> {
  readonly kind: "receiver";
  create(settings: Settings, config: C, next: Consumer): Receiver;
}

export interface ProcessorFactory<C = unknown> extends FactoryBase<C> {
  readonly kind: "processor";
  create(settings: Settings, config: C, next: Consumer): Processor;
}

export interface ExporterFactory<C = unknown> extends FactoryBase<C> {
  readonly kind: "exporter";
  create(settings: Settings, config: C): Exporter;
}

export interface ConnectorFactory<C = unknown> extends FactoryBase<C> {
  readonly kind: "connector";
  create(settings: Settings, config: C, next: Consumer): Processor;
}

export interface ExtensionFactory<C = unknown> extends FactoryBase<C> {
  readonly kind: "extension";
  create(settings: Settings, config: C): Extension;
}

/** Any config type: methods compare bivariantly, so that a factory of a known config fits. */
export type AnyFactory = ReceiverFactory | ProcessorFactory | ExporterFactory | ConnectorFactory | ExtensionFactory;

/** The explicit lists that only `main` sees. */
export interface Factories {
  readonly receivers: readonly ReceiverFactory[];
  readonly processors: readonly ProcessorFactory[];
  readonly exporters: readonly ExporterFactory[];
  readonly connectors: readonly ConnectorFactory[];
  readonly extensions: readonly ExtensionFactory[];
}
