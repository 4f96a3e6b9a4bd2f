import { contextValuesOf, usesContext } from "../../src/attributes/context-values.js";
import { applyAttributeActions } from "../../src/attributes/engine.js";
import { parseAttributeActions } from "../../src/attributes/parse.js";
import { ResourceEditor } from "../../src/attributes/resource-editor.js";
import type { Consumer } from "../../src/component/consumer.js";
import type { Processor } from "../../src/component/factory.js";
import type { ResourceConfig } from "./config.js";

export function createResourceProcessor(config: ResourceConfig, next: Consumer): Processor {
  const actions = parseAttributeActions(config.attributes, "attributes");
  const remembering = new ResourceEditor((attributes) => applyAttributeActions(actions, attributes));
  const dependsOnRequest = usesContext(actions);

  return {
    mutates: true,
    async start() {},
    async shutdown() {},
    reserve: (profiles) => next.reserve(profiles),
    async consume(profiles, ctx) {
      if (dependsOnRequest) {
        const context = contextValuesOf(ctx);
        for (const resource of profiles.resources) {
          const attributes = resource.attributes;
          const edited = applyAttributeActions(actions, attributes, context);
          if (edited !== attributes) resource.setAttributes(edited);
        }
      } else {
        for (const resource of profiles.resources) remembering.apply(resource);
      }
      return next.consume(profiles, ctx);
    },
  };
}
