export { addDictionary, addProfile, beginBuild, dictionaryStart, finishBuild, profileStart } from "./build";
export { faultCode, faultFirst, faultPosition, faultSecond, scan } from "./scan";
