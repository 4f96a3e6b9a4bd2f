export { checkPprof } from "./check";
export { decodeSamples, decodeTables } from "./decode";
export { clearMemory, openParts, placePprof, readSampleTypes } from "./parts";
export { textAt } from "./texts";
export { writeSamples } from "./write-samples";
