import type { AttributeAction } from "../../src/attributes/action.js";
import { contextValuesOf, usesContext } from "../../src/attributes/context-values.js";
import { applyAttributeActions, type ContextValues, noContextValues } from "../../src/attributes/engine.js";
import { createMatcher, type Matcher } from "../../src/attributes/match.js";
import { parseAttributeActions } from "../../src/attributes/parse.js";
import { ResourceEditor } from "../../src/attributes/resource-editor.js";
import type { Consumer } from "../../src/component/consumer.js";
import type { Processor } from "../../src/component/factory.js";
import type { KeyValue } from "../../src/pdata/any-value.js";
import type { Profiles, ResourceProfiles, ScopeProfiles } from "../../src/pdata/profiles.js";
import type { AttributesConfig } from "./config.js";

type Edit = (attributes: readonly KeyValue[]) => readonly KeyValue[];

export function createAttributesProcessor(config: AttributesConfig, next: Consumer): Processor {
  const actions = parseAttributeActions(config.actions);
  const editBatch = config.context === "resource" ? resourceEdits(config, actions) : itemEdits(config, actions);
  const dependsOnRequest = usesContext(actions);

  return {
    mutates: true,
    async start() {},
    async shutdown() {},
    reserve: (profiles) => next.reserve(profiles),
    async consume(profiles, ctx) {
      editBatch(profiles, dependsOnRequest ? contextValuesOf(ctx) : noContextValues);
      return next.consume(profiles, ctx);
    },
  };
}

type BatchEdit = (profiles: Profiles, context: ContextValues) => void;

function resourceEdits(config: AttributesConfig, actions: readonly AttributeAction[]): BatchEdit {
  const include = config.include && createMatcher(config.include);
  const exclude = config.exclude && createMatcher(config.exclude);
  const edit = (attributes: readonly KeyValue[], context: ContextValues): readonly KeyValue[] => {
    const isMeant =
      (include === undefined || matchesResource(include, attributes)) &&
      !(exclude !== undefined && matchesResource(exclude, attributes));
    return isMeant ? applyAttributeActions(actions, attributes, context) : attributes;
  };
  if (!usesContext(actions)) {
    const remembering = new ResourceEditor((attributes) => edit(attributes, noContextValues));
    return (profiles) => {
      for (const resource of profiles.resources) remembering.apply(resource);
    };
  }
  return (profiles, context) => {
    for (const resource of profiles.resources) {
      const attributes = resource.attributes;
      const edited = edit(attributes, context);
      if (edited !== attributes) resource.setAttributes(edited);
    }
  };
}

function matchesResource(matcher: Matcher, attributes: readonly KeyValue[]): boolean {
  return matcher.matchesPlace(attributes, "", "") && matcher.matchesItem(attributes);
}

/** Edits of what stands inside a scope, or of the scope itself. */
function itemEdits(config: AttributesConfig, actions: readonly AttributeAction[]): BatchEdit {
  const include = config.include && createMatcher(config.include);
  const exclude = config.exclude && createMatcher(config.exclude);
  return (profiles, context) => {
    const editAll: Edit = (attributes) => applyAttributeActions(actions, attributes, context);
    for (const resource of profiles.resources) {
      for (const scope of resource.scopes) {
        if (include !== undefined && !matchesPlace(include, resource, scope)) continue;
        const excluding = exclude !== undefined && matchesPlace(exclude, resource, scope) ? exclude : undefined;
        const edit: Edit =
          include === undefined && excluding === undefined
            ? editAll
            : (attributes) => {
                if (include !== undefined && !include.matchesItem(attributes)) return attributes;
                return excluding?.matchesItem(attributes) ? attributes : editAll(attributes);
              };
        editScope(config.context, scope, edit);
      }
    }
  };
}

function matchesPlace(matcher: Matcher, resource: ResourceProfiles, scope: ScopeProfiles): boolean {
  return matcher.matchesPlace(resource.attributes, scope.name, scope.version);
}

function editScope(context: AttributesConfig["context"], scope: ScopeProfiles, edit: Edit): void {
  if (context === "scope") {
    setIfChanged(scope, edit);
    return;
  }
  for (const profile of scope.profiles) {
    if (context === "sample") profile.mapSampleAttributes(edit);
    else setIfChanged(profile, edit);
  }
}

interface Attributed {
  readonly attributes: readonly KeyValue[];
  setAttributes(attributes: readonly KeyValue[]): void;
}

function setIfChanged(item: Attributed, edit: Edit): void {
  const attributes = item.attributes;
  const edited = edit(attributes);
  if (edited !== attributes) item.setAttributes(edited);
}
