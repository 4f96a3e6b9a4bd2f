import { join } from "node:path";

/** Where bin/, config/ and bench/ are: four floors above dist/src/cli/overhead. */
const root = join(import.meta.dirname, "..", "..", "..", "..");

export const collectorProgram = join(root, "bin", "flamepipe");
export const defaultConfig = join(root, "config", "ebpf-host.yaml");
export const busyServiceSource = join(root, "bench", "busy-service");
