export type Status =
  | "starting"
  | "ok"
  | "recoverable_error"
  | "permanent_error"
  | "fatal_error"
  | "stopping"
  | "stopped";

/** `start` may open ports; `shutdown` is idempotent and legal without `start`, and resolves when all accepted data has left. */
export interface Component {
  start(host: Host): Promise<void>;
  shutdown(): Promise<void>;
}

export interface Extension extends Component {
  /** Told when all pipelines run, and when they begin to stop. */
  ready?(): void;
  notReady?(): void;
}

/** What a running component may ask of the process around it. */
export interface Host {
  /** A configured extension by id, or undefined. */
  extension(id: string): Extension | undefined;
  /** Reports a component's health. "fatal_error" shuts the collector down. */
  report(componentId: string, status: Status, detail?: Error): void;
  /**
   * Reads a YAML or JSON text by the configuration's rules and within its bounds: integers are bigint, "__proto__" is a
   * key like any other. Throws an Error that says what is wrong. For files that a component reads while it runs.
   */
  parseYaml(text: string): unknown;
}
