export { addDictionary, addProfile, beginBuild, dictionaryStart, finishBuild, profileStart } from "./build";
export { addEntry, entryRoom, openDictionary } from "./entries";
export { faultCode, faultFirst, faultPosition, faultSecond, scan } from "./scan";
export { writeAsItIs } from "./write-dictionary";
