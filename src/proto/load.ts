import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

/** Where the .proto files are: beside the sources, also for the compiled tree (src/proto below any dist folder). */
function protoPath(file: string): string {
  const here = fileURLToPath(new URL(".", import.meta.url));
  const root = here.replace(/[/\\]dist[^/\\]*([/\\]src[/\\]proto[/\\])$/, "$1");
  return `${root}${file}`;
}

const roots = new Map<string, protobuf.Root>();

/** protobufjs types of these .proto files of ours, parsed once. Only JSON, small messages and tests need them. */
export function loadProto(...files: string[]): protobuf.Root {
  const key = files.join(" ");
  let root = roots.get(key);
  if (!root) {
    root = new protobuf.Root();
    for (const file of files) protobuf.parse(readFileSync(protoPath(file), "utf8"), root, { keepCase: true });
    root.resolveAll();
    roots.set(key, root);
  }
  return root;
}

/** The OTLP profiles messages. */
export function otlpTypes(): { request: protobuf.Type; response: protobuf.Type } {
  const root = loadProto("common.proto", "resource.proto", "profiles.proto", "profiles-service.proto");
  const service = "opentelemetry.proto.collector.profiles.v1development";
  return {
    request: root.lookupType(`${service}.ExportProfilesServiceRequest`),
    response: root.lookupType(`${service}.ExportProfilesServiceResponse`),
  };
}
