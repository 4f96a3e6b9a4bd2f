/** Options that say which configuration is meant. */
export interface ConfigOptions {
  readonly config: readonly string[];
  readonly set: readonly string[];
  readonly featureGates: readonly string[];
}

export interface RunOptions extends ConfigOptions {
  /** Milliseconds. */
  readonly gracePeriod: number;
}

export interface PrintConfigOptions extends ConfigOptions {
  readonly mode: "redacted" | "unredacted";
  readonly format: "yaml" | "json";
  readonly validate: boolean;
}

export interface SendOptions {
  readonly endpoint: string;
  readonly protocol?: "grpc" | "http";
  readonly header: readonly string[];
  /** Requests a second; 0 = no limit. */
  readonly rate: number;
  /** 0 = until interrupted. */
  readonly repeat: number;
  readonly concurrency: number;
  readonly gzip: boolean;
  readonly insecureSkipVerify: boolean;
  /** Milliseconds. */
  readonly timeout: number;
  readonly shiftTime?: "now";
}

export interface OverheadOptions extends ConfigOptions {
  /** Pairs of rounds. */
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
  /** Samples a second, in place of the configuration's. */
  readonly rate?: number;
  /** Command line of a service; undefined = our own, or one that runs already at `url`. */
  readonly service?: string;
  readonly url?: URL;
  readonly json: boolean;
}
