import { type Elf, sectionData, sectionNamed } from "./elf.js";
import { InvalidBinaryError } from "./invalid-binary.js";

const magic = Buffer.from("\xff Go buildinf:", "latin1");
const headerBytes = 32;
const inlineStrings = 2;
const maxVersionBytes = 64;

/** The Go release that built the program ("go1.22.1"), as Go 1.18 and later say it in .go.buildinfo; else "". */
export function goVersionOf(elf: Elf): string {
  const section = sectionNamed(elf, ".go.buildinfo");
  if (!section) return "";
  try {
    const data = sectionData(elf, section, 1024 * 1024);
    if (data.length <= headerBytes || !data.subarray(0, magic.length).equals(magic)) return "";
    if ((data[15] & inlineStrings) === 0) return "";
    const length = data[headerBytes];
    const version = data.toString("latin1", headerBytes + 1, headerBytes + 1 + length);
    return length <= maxVersionBytes && /^(go|devel)[\w.+ :-]*$/.test(version) ? version : "";
  } catch (caught) {
    if (caught instanceof InvalidBinaryError) return "";
    throw caught;
  }
}
