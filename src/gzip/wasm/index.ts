import { writeConstants } from "./codes";

export { inflate } from "./inflate";

writeConstants();
