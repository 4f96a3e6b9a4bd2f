import { ResourceEditor } from "../../src/attributes/resource-editor.js";
import type { Consumer } from "../../src/component/consumer.js";
import type { Processor } from "../../src/component/factory.js";
import type { Profiles, ResourceProfiles } from "../../src/pdata/profiles.js";
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
      for (const resource of profiles.resources) resources.apply(resource);
      if (!profiles.isSealed || profiles.resources.some(mayChange)) editInside(profiles);
      return next.consume(profiles, ctx);
    },
  };

  /** Payloads in another format hold file names; one that has nothing of what patterns look for stays what it is. */
  function mayChange({ payloads = [] }: ResourceProfiles): boolean {
    return payloads.some((payload) => redactor.mayChange(payload.textSearch()));
  }

  function editInside(profiles: Profiles): void {
    for (const { scopes } of profiles.resources) {
      for (const scope of scopes) {
        const edited = redactor.attributes(scope.attributes);
        if (edited !== scope.attributes) scope.setAttributes(edited);
      }
    }
    profiles.editTexts(redactor);
  }
}
