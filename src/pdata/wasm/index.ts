export { faultCode, faultFirst, faultPosition, faultSecond, scan } from "./scan";
