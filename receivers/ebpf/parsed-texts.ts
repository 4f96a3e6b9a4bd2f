/** Texts that are remembered, and their characters; when they are more all of them are forgotten. */
const maxTexts = 32_768;
const maxChars = 4 * 1024 * 1024;

/** What texts say that come again and again, each parsed once. */
export class ParsedTexts<Parsed> {
  private readonly known = new Map<string, Parsed>();
  private readonly parse: (text: string) => Parsed;
  private chars = 0;

  constructor(parse: (text: string) => Parsed) {
    this.parse = parse;
  }

  /** Texts that are remembered. */
  get size(): number {
    return this.known.size;
  }

  /** What the text says: the same object for as long as it is remembered. */
  of(text: string): Parsed {
    let parsed = this.known.get(text);
    if (parsed === undefined) {
      // A text of its own: a part of a line would keep the whole line in memory.
      const own = Buffer.from(text).toString();
      parsed = this.parse(own);
      if (this.known.size === maxTexts || this.chars + own.length > maxChars) this.forget();
      this.known.set(own, parsed);
      this.chars += own.length;
    }
    return parsed;
  }

  private forget(): void {
    this.known.clear();
    this.chars = 0;
  }
}
