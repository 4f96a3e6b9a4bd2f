import type { AnyValue, KeyValue } from "../../src/pdata/any-value.js";
import type { Dictionary } from "../../src/pdata/dictionary.js";
import type { Profile, Profiles, ScopeProfiles } from "../../src/pdata/profiles.js";
import { printable } from "./frames.js";

/**
 * Everything in a batch as lines of text, in the Collector's layout: the dictionary's tables, then resources, scopes,
 * profiles and samples. Lazy: a consumer that stops early saves the rest of the work.
 */
export function* detailedLines(profiles: Profiles): Generator<string> {
  const { dictionary } = profiles;
  yield* mappingLines(dictionary);
  yield* locationLines(dictionary);
  yield* functionLines(dictionary);
  yield* stackLines(dictionary);
  yield* smallTableLines(dictionary);
  let resourceNumber = 0;
  for (const resource of profiles.resources) {
    yield `ResourceProfiles #${resourceNumber++}`;
    yield `Resource SchemaURL: ${printable(resource.schemaUrl)}`;
    yield* attributeLines("Resource attributes:", resource.attributes, "");
    let scopeNumber = 0;
    for (const scope of resource.scopes) yield* scopeLines(scope, scopeNumber++, dictionary);
  }
}

function* mappingLines(dictionary: Dictionary): Generator<string> {
  for (let i = 0; i < dictionary.mappingCount; i++) {
    const mapping = dictionary.mapping(i);
    yield `Mapping #${i}`;
    yield `    Memory start: ${mapping.memoryStart}`;
    yield `    Memory limit: ${mapping.memoryLimit}`;
    yield `    File offset: ${mapping.fileOffset}`;
    yield `    File name: ${named(dictionary, mapping.filenameIndex)}`;
    yield `    Attributes: [${mapping.attributeIndices.join(" ")}]`;
  }
}

function* locationLines(dictionary: Dictionary): Generator<string> {
  for (let i = 0; i < dictionary.locationCount; i++) {
    const location = dictionary.location(i);
    yield `Location #${i}`;
    yield `    Mapping index: ${location.mappingIndex}`;
    yield `    Address: 0x${location.address.toString(16)}`;
    let lineNumber = 0;
    for (const line of location.lines) {
      yield `    Line #${lineNumber++}`;
      yield `        Function index: ${line.functionIndex}`;
      yield `        Line: ${line.line}`;
      yield `        Column: ${line.column}`;
    }
    yield `    Attributes: [${location.attributeIndices.join(" ")}]`;
  }
}

function* functionLines(dictionary: Dictionary): Generator<string> {
  for (let i = 0; i < dictionary.functionCount; i++) {
    const fn = dictionary.function(i);
    yield `Function #${i}`;
    yield `    Name: ${named(dictionary, fn.nameIndex)}`;
    yield `    System name: ${named(dictionary, fn.systemNameIndex)}`;
    yield `    Filename: ${named(dictionary, fn.filenameIndex)}`;
    yield `    Start line: ${fn.startLine}`;
  }
}

function* stackLines(dictionary: Dictionary): Generator<string> {
  for (let i = 0; i < dictionary.stackCount; i++) {
    yield `Stack #${i}`;
    yield `    Location indices: [${dictionary.stack(i).join(" ")}]`;
  }
}

function* smallTableLines(dictionary: Dictionary): Generator<string> {
  yield "Attribute table:";
  for (let i = 0; i < dictionary.attributeCount; i++) yield `    #${i} ${attributeText(dictionary.attribute(i))}`;
  yield "Link table:";
  for (let i = 0; i < dictionary.linkCount; i++) {
    const link = dictionary.link(i);
    yield `    #${i} Trace ID: ${link.traceId.toString("hex")} Span ID: ${link.spanId.toString("hex")}`;
  }
  yield "String table:";
  for (let i = 0; i < dictionary.stringCount; i++) yield `    #${i} ${printable(dictionary.string(i))}`;
}

function* scopeLines(scope: ScopeProfiles, number: number, dictionary: Dictionary): Generator<string> {
  yield `ScopeProfiles #${number}`;
  yield `ScopeProfiles SchemaURL: ${printable(scope.schemaUrl)}`;
  yield `InstrumentationScope ${printable(scope.name)} ${printable(scope.version)}`;
  yield* attributeLines("InstrumentationScope attributes:", scope.attributes, "");
  let profileNumber = 0;
  for (const profile of scope.profiles) yield* profileLines(profile, profileNumber++, dictionary);
}

function* profileLines(profile: Profile, number: number, dictionary: Dictionary): Generator<string> {
  const { sampleType, periodType } = profile;
  yield `Profile #${number}`;
  yield `    Profile ID     : ${profile.profileId.toString("hex")}`;
  yield `    Start time     : ${timeText(profile.timeUnixNano)}`;
  yield `    Duration       : ${profile.durationNano} ns`;
  yield `    Sample type    : ${printable(sampleType.type)} (${printable(sampleType.unit)})`;
  yield `    Period         : ${profile.period} ${printable(periodType.type)} (${printable(periodType.unit)})`;
  if (profile.originalPayloadFormat !== "") {
    yield `    Original payload: ${printable(profile.originalPayloadFormat)}, ${profile.originalPayload.length} bytes`;
  }
  yield* attributeLines("    Profile attributes:", profile.attributes, "    ");
  yield* sampleLines(profile, dictionary);
}

function* sampleLines(profile: Profile, dictionary: Dictionary): Generator<string> {
  const columns = profile.columns();
  for (let row = 0; row < columns.length; row++) {
    yield `    Sample #${row}`;
    yield `        Stack index: ${columns.stack[row]}`;
    yield `        Link index: ${columns.link[row]}`;
    yield `        Values: [${columns.values.subarray(columns.valueStart[row], columns.valueStart[row + 1]).join(" ")}]`;
    const times = columns.timestamps.subarray(columns.timestampStart[row], columns.timestampStart[row + 1]);
    yield `        Timestamps: [${Array.from(times, timeText).join(", ")}]`;
    const attributes = Array.from(columns.attrSets[columns.attrSet[row]], (index) => dictionary.attribute(index));
    yield* attributeLines("        Attributes:", attributes, "        ");
  }
}

function* attributeLines(title: string, attributes: readonly KeyValue[], indent: string): Generator<string> {
  if (attributes.length === 0) return;
  yield title;
  for (const attribute of attributes) yield `${indent}     -> ${attributeText(attribute)}`;
}

function attributeText(attribute: KeyValue): string {
  const unit = attribute.unit === "" ? "" : ` ${printable(attribute.unit)}`;
  return `${printable(attribute.key)}: ${valueText(attribute.value)}${unit}`;
}

function valueText(value: AnyValue): string {
  switch (value.type) {
    case "string":
      return `Str(${printable(value.value)})`;
    case "bool":
      return `Bool(${value.value})`;
    case "int":
      return `Int(${value.value})`;
    case "double":
      return `Double(${value.value})`;
    case "bytes":
      return `Bytes(${Buffer.from(value.value).toString("base64")})`;
    case "array":
      return `Slice([${value.value.map(valueText).join(", ")}])`;
    case "map":
      return `Map({${value.value.map(attributeText).join(", ")}})`;
    default:
      return "Empty()";
  }
}

function named(dictionary: Dictionary, index: number): string {
  return index === 0 ? "0" : `${index} (${printable(dictionary.string(index))})`;
}

/** Unix nanoseconds as RFC 3339, all nine digits. */
function timeText(nanos: bigint): string {
  const seconds = nanos / 1_000_000_000n;
  // Past the year 9999 a Date can't say it.
  if (seconds > 253_402_300_799n) return `${nanos} ns`;
  const fraction = (nanos % 1_000_000_000n).toString().padStart(9, "0");
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}
