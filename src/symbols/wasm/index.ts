export { answer, openAnswer, openAnswers } from "./answer";
export { highestTree, indexTables, lowestTree, startsAt } from "./places";
export { openRecords } from "./record";
export { openParts, openTable } from "./table";
export { openTrees } from "./trees";
