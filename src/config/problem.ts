/** A place in what the operator wrote. `file` is a path, or names another source ("env:NAME", "--set a.b"). */
export interface Position {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in UTF-16 units. */
  readonly column: number;
}

export type Severity = "error" | "warning";

/** One finding about the configuration. `message` never holds a value that a schema marks as secret. */
export interface Problem extends Position {
  readonly message: string;
  /** Where in the configuration, joined with "::" ("" = the whole). */
  readonly path: string;
  readonly severity: Severity;
}

/** "file:line:column: message", the form that editors and terminals make clickable. */
export function formatProblem(problem: Problem): string {
  const label = problem.severity === "warning" ? "warning: " : "";
  return `${problem.file}:${problem.line}:${problem.column}: ${label}${problem.message}`;
}

/** Gathers findings while a configuration is read; nothing stops at the first one. */
export interface ProblemList {
  error(at: Position, path: readonly PathPart[], message: string): void;
  warn(at: Position, path: readonly PathPart[], message: string): void;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export type PathPart = string | number;

export function createProblemList(): ProblemList {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const make = (at: Position, path: readonly PathPart[], message: string, severity: Severity): Problem => ({
    file: at.file,
    line: at.line,
    column: at.column,
    message,
    path: path.join("::"),
    severity,
  });
  return {
    error: (at, path, message) => problems.push(make(at, path, message, "error")),
    warn: (at, path, message) => warnings.push(make(at, path, message, "warning")),
    problems,
    warnings,
  };
}

/**
 * Findings in the order in which a person reads the sources: by `files` (as given on the command line, others after),
 * line, column. The same message at the same place is said once.
 */
export function sortProblems(problems: readonly Problem[], files: readonly string[]): Problem[] {
  const rank = new Map(files.map((file, index) => [file, index]));
  const rankOf = (problem: Problem) => rank.get(problem.file) ?? files.length;
  const seen = new Set<string>();
  return [...problems]
    .sort((a, b) => rankOf(a) - rankOf(b) || compareText(a.file, b.file) || a.line - b.line || a.column - b.column)
    .filter((problem) => {
      const text = formatProblem(problem);
      if (seen.has(text)) return false;
      seen.add(text);
      return true;
    });
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
