import { writeConstants } from "./codes";
import { writeMatchSymbols } from "./symbols";

export { deflate } from "./deflate";
export { inflate } from "./inflate";

writeConstants();
writeMatchSymbols();
