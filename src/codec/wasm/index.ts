export { checkPprof } from "./check";
export { openParts, readSampleTypes } from "./parts";
