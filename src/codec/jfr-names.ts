/*
 * Names that the JVM and libraries make up anew in every process, such as `App$$Lambda$14/0x0000000800c03000`: with their
 * numbers no two processes, and often no two recordings, would have a frame in common. Pyroscope takes the numbers out of
 * recordings too.
 */

interface Rule {
  /** A text that every such name has: most names need no look at the pattern. */
  readonly mark: string;
  readonly pattern: RegExp;
  readonly name: string;
}

const tmp = String.raw`^(?:\.?/tmp/)?`;
const deleted = String.raw`(?: \(deleted\))?$`;

const rules: readonly Rule[] = [
  { mark: "GeneratedMethodAccessor", pattern: /^(jdk\/internal\/reflect\/GeneratedMethodAccessor)\d+$/, name: "$1_" },
  { mark: "$$Lambda", pattern: /^(.+\$\$Lambda)(?:\$?\d*[./](?:0x)?[0-9a-f]+|\d+)$/, name: "$1_" },
  { mark: "$$EnhancerBySpringCGLIB$$", pattern: /^(.+\$\$EnhancerBySpringCGLIB\$\$).*$/, name: "$1_" },
  {
    mark: "libzstd-jni-",
    pattern: new RegExp(String.raw`${tmp}libzstd-jni-\d+\.\d+\.\d+-\d+\.so${deleted}`),
    name: "libzstd-jni-_.so",
  },
  {
    mark: "amazonCorrettoCryptoProvider",
    pattern: new RegExp(
      String.raw`${tmp}(?:lib)?amazonCorrettoCryptoProvider(?:NativeLibraries\.)?[0-9a-f]{16}` +
        String.raw`(?:/lib(?:crypto|amazonCorrettoCryptoProvider))?\.so${deleted}`,
    ),
    name: "libamazonCorrettoCryptoProvider_.so",
  },
  {
    mark: "libasyncProfiler-",
    pattern: new RegExp(
      String.raw`${tmp}libasyncProfiler-(?:linux|macos)(?:-[a-z0-9]+)*-[0-9a-f]{36,40}\.so${deleted}`,
    ),
    name: "libasyncProfiler-_.so",
  },
];

/** No made-up name is longer. */
const maxLength = 2048;

/** The name without what changes from process to process. */
export function lastingName(name: string): string {
  if (name.length > maxLength) return name;
  const rule = rules.find(({ mark, pattern }) => name.includes(mark) && pattern.test(name));
  return rule ? name.replace(rule.pattern, rule.name) : name;
}
