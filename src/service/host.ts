import type { Extension } from "../component/factory.js";
import type { Host, Status } from "../component/host.js";
import { parseYamlValue } from "../config/yaml-value.js";
import type { Logger } from "../telemetry/log.js";

/** What the service hands to components, and what it learns from them. */
export interface ServiceHost extends Host {
  /** Resolves with the reason when a component says that it can't go on. */
  readonly fatal: Promise<Error>;
}

export function createHost(extensions: ReadonlyMap<string, Extension>, log: Logger): ServiceHost {
  const last = new Map<string, Status>();
  let fail: (reason: Error) => void = () => {};
  const fatal = new Promise<Error>((resolve) => {
    fail = resolve;
  });
  return {
    fatal,
    extension: (id) => extensions.get(id),
    parseYaml: parseYamlValue,
    report(id, status, detail) {
      if (last.get(id) === status) return;
      const before = last.get(id);
      last.set(id, status);
      const fields = { "otelcol.component.id": id, status, before, error: detail };
      if (status === "fatal_error") {
        log.error("Asynchronous error received, terminating process", fields);
        fail(detail ?? new Error(`"${id}" reported a fatal error`));
      } else if (status === "permanent_error" || status === "recoverable_error") {
        log.warn("Component is not well.", fields);
      } else if (status === "ok" && (before === "recoverable_error" || before === "permanent_error")) {
        log.info("Component is well again.", fields);
      } else {
        log.debug("Component status changed.", fields);
      }
    },
  };
}
