import { nameAttribute, profileName } from "../../src/codec/profile-kinds.js";
import { type KeyValue, keyValue, stringValue } from "../../src/pdata/any-value.js";
import type { Profile, ValueType } from "../../src/pdata/profiles.js";
import type { LabelChange, LabelNaming } from "../../src/relabel/label-builder.js";
import { labelsOf, writeChanges } from "./label-view.js";

const typeLabels: ReadonlySet<string> = new Set(["__type__", "__unit__", "__period_type__", "__period_unit__"]);

/** A profile as rules see it in context profile: its attributes, its name, and its sample and period type. */
export interface ProfileView {
  readonly attributes: readonly KeyValue[];
  readonly labels: ReadonlyMap<string, string>;
}

export function viewProfile(profile: Profile, naming: LabelNaming): ProfileView {
  const attributes = profile.attributes;
  const { sampleType, periodType } = profile;
  const labels = labelsOf(attributes, naming);
  labels.set("__name__", profileName(sampleType, periodType, attributes));
  labels.set("__type__", sampleType.type);
  labels.set("__unit__", sampleType.unit);
  labels.set("__period_type__", periodType.type);
  labels.set("__period_unit__", periodType.unit);
  return { attributes, labels };
}

/** Writes what the rules changed. A name or type can be changed, not taken away: a profile without one is none. */
export function writeProfile(
  profile: Profile,
  view: ProfileView,
  changes: readonly LabelChange[],
  naming: LabelNaming,
): void {
  let name = "";
  const types = new Map<string, string>();
  for (const change of changes) {
    if (change.name === "__name__") name = change.value;
    else if (typeLabels.has(change.name) && change.value !== "") types.set(change.name, change.value);
  }
  let attributes = writeChanges(view.attributes, changes, naming);
  if (name !== "") attributes = withName(attributes, name);
  if (attributes !== view.attributes) profile.setAttributes(attributes);
  const sampleType = changedType(profile.sampleType, types.get("__type__"), types.get("__unit__"));
  if (sampleType !== undefined) profile.setSampleType(sampleType);
  const periodType = changedType(profile.periodType, types.get("__period_type__"), types.get("__period_unit__"));
  if (periodType !== undefined) profile.setPeriodType(periodType);
}

function changedType(before: ValueType, type: string | undefined, unit: string | undefined): ValueType | undefined {
  if (type === undefined && unit === undefined) return undefined;
  return { type: type ?? before.type, unit: unit ?? before.unit };
}

function withName(attributes: readonly KeyValue[], name: string): readonly KeyValue[] {
  const others = attributes.filter((each) => each.key !== nameAttribute);
  return [...others, keyValue(nameAttribute, stringValue(name))];
}
