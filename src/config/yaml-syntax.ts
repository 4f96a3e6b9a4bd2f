import { type Document, Lexer, type LineCounter, parseDocument } from "yaml";

/** Bounds on one YAML text; each is far above what a configuration needs. */
export const yamlLimits = {
  maxBytes: 1024 * 1024,
  maxDepth: 100,
  /** After aliases are written out. */
  maxNodes: 200_000,
  maxSyntaxErrors: 20,
};

export const tooDeep = `YAML is nested more than ${yamlLimits.maxDepth} levels deep`;

/** The parser's tree, every scalar still text; undefined where the text is nested too deep for it. */
export function parseSyntax(text: string, lines: LineCounter): Document.Parsed | undefined {
  return isTooDeep(text) ? undefined : parseBounded(text, lines);
}

/** Counts open brackets before anything recurses over them. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === "[" || token === "{") depth += 1;
    else if (token === "]" || token === "}") depth -= 1;
    if (depth > yamlLimits.maxDepth) return true;
  }
  return false;
}

/** undefined where the parser ran out of stack, which it throws or reports as a syntax error. */
function parseBounded(text: string, lineCounter: LineCounter): Document.Parsed | undefined {
  try {
    const document = parseDocument(text, {
      schema: "failsafe",
      uniqueKeys: false,
      prettyErrors: false,
      lineCounter,
      logLevel: "error",
    });
    return document.errors.some((error) => error.message.includes("call stack")) ? undefined : document;
  } catch (caught) {
    if (caught instanceof RangeError) return undefined;
    throw caught;
  }
}

/** After the first, a token out of place is most often a consequence of it. */
export function syntaxErrors(document: Document.Parsed): Document.Parsed["errors"] {
  const own = document.errors.filter((error, index) => index === 0 || error.code !== "UNEXPECTED_TOKEN");
  return own.slice(0, yamlLimits.maxSyntaxErrors);
}

/** The parser's words, without the piece of the text that some of them quote: it may be a secret. */
export function syntaxMessage(error: Document.Parsed["errors"][number], text: string): string {
  switch (error.code) {
    case "MULTIPLE_DOCS":
      return "more than one document (remove the `---` line, or pass each as its own --config)";
    case "TAB_AS_INDENT":
      return `${error.message} (indent with spaces)`;
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY":
      return `${error.message} (check the indentation)`;
    case "UNEXPECTED_TOKEN": {
      const message = error.message.replace(/:? ".*$/s, "");
      const isReference = text[error.pos[0]] === "{" && text[error.pos[0] - 1] === "$";
      return isReference ? `${message} (inside { } and [ ], put \${…} in quotes)` : message;
    }
    default:
      return error.message.replace(/: ".*$/s, "");
  }
}
