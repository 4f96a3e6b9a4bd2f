/**
 * The names that Go's regexp/syntax knows for `\p{…}` (Go 1.26, Unicode 15): general categories, their long names and
 * the scripts of one word. Go looks a name up after dropping spaces, dashes and underscores and writing it like "Lu",
 * so scripts that are spelled with an underscore ("Old_Italic") can't be reached, and are refused here as well.
 */
const categories =
  "C Cc Cf Cn Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs";

const scripts =
  "Adlam Ahom Arabic Armenian Avestan Balinese Bamum Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid " +
  "Carian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot Cyrillic Deseret Devanagari Dogra Duployan " +
  "Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han Hangul Hanunoo Hatran " +
  "Hebrew Hiragana Inherited Javanese Kaithi Kannada Katakana Kawi Kharoshthi Khmer Khojki Khudawadi Lao Latin Lepcha " +
  "Limbu Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen Medefaidrin Miao Modi Mongolian Mro " +
  "Multani Myanmar Nabataean Nandinagari Newa Nko Nushu Ogham Oriya Osage Osmanya Palmyrene Phoenician Rejang Runic " +
  "Samaritan Saurashtra Sharada Shavian Siddham Sinhala Sogdian Soyombo Sundanese Syriac Tagalog Tagbanwa Takri Tamil " +
  "Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Yezidi Yi";

const categoryAliases =
  "Casedletter=LC Closepunctuation=Pe Combiningmark=M Connectorpunctuation=Pc Control=Cc Currencysymbol=Sc " +
  "Dashpunctuation=Pd Decimalnumber=Nd Enclosingmark=Me Finalpunctuation=Pf Format=Cf Initialpunctuation=Pi Letter=L " +
  "Letternumber=Nl Lineseparator=Zl Lowercaseletter=Ll Mark=M Mathsymbol=Sm Modifierletter=Lm Modifiersymbol=Sk " +
  "Nonspacingmark=Mn Number=N Openpunctuation=Ps Other=C Otherletter=Lo Othernumber=No Otherpunctuation=Po " +
  "Othersymbol=So Paragraphseparator=Zp Privateuse=Co Punctuation=P Separator=Z Spaceseparator=Zs Spacingmark=Mc " +
  "Surrogate=Cs Symbol=S Titlecaseletter=Lt Unassigned=Cn Uppercaseletter=Lu Cntrl=Cc Digit=Nd Punct=P";

function buildTable(): Map<string, string> {
  const table = new Map<string, string>([
    ["Any", "Any"],
    ["Assigned", "Assigned"],
    ["Ascii", "ASCII"],
    ["Lc", "LC"],
  ]);
  for (const name of `${categories} ${scripts}`.split(" ")) table.set(name, name);
  for (const pair of categoryAliases.split(" ")) {
    const [alias, name] = pair.split("=");
    table.set(alias, name);
  }
  return table;
}

const table = buildTable();

/** The name under which the engine knows this property ("ASCII" has none there and is written as a range), or undefined. */
export function unicodePropertyName(written: string): string | undefined {
  const joined = written.replace(/[_\- ]/g, "");
  if (joined === "") return undefined;
  const lower = joined.slice(1).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return table.get(joined[0].replace(/[a-z]/, (letter) => letter.toUpperCase()) + lower);
}
