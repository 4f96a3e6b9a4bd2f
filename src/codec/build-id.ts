/** GNU's build id of an executable: hexadecimal. */
export const gnuBuildId = "process.executable.build_id.gnu";
/** Go's build id: four parts joined by slashes. */
export const goBuildId = "process.executable.build_id.go";

/** The attribute that a mapping's build id goes to; pprof has one field for all kinds. */
export function buildIdAttribute(buildId: string): string {
  return buildId.includes("/") ? goBuildId : gnuBuildId;
}
