/** Where a match and its groups lie: [start, end) of group i at 2*i and 2*i+1, in UTF-16 units; -1 = took no part. */
export type MatchIndices = readonly number[] | Int32Array;

/** What a compiled form must do; the engine's and the plain JavaScript one give the same answers. */
export interface MatchEngine {
  test(text: string): boolean;
  match(text: string, from: number): MatchIndices | undefined;
}
