import { ResourceEditor } from "../../src/attributes/resource-editor.js";
import type { Consumer } from "../../src/component/consumer.js";
import type { Processor } from "../../src/component/factory.js";
import type { RedactionConfig } from "./config.js";
import { Redactor } from "./redactor.js";

export function createRedactionProcessor(config: RedactionConfig, next: Consumer): Processor {
  const redactor = new Redactor(config);
  const resources = new ResourceEditor(redactor.attributes);

  return {
    mutates: true,
    async start() {},
    async shutdown() {},
    reserve: (profiles) => next.reserve(profiles),
    async consume(profiles, ctx) {
      // Payloads in another format are decoded first: they hold file names.
      profiles.open();
      for (const resource of profiles.resources) {
        resources.apply(resource);
        for (const scope of resource.scopes) {
          const edited = redactor.attributes(scope.attributes);
          if (edited !== scope.attributes) scope.setAttributes(edited);
        }
      }
      profiles.editTexts(redactor);
      return next.consume(profiles, ctx);
    },
  };
}
