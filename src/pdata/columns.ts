/**
 * One profile's samples as columns. Row i has stack[i], attribute set attrSets[attrSet[i]] (attribute_table indices as
 * sent), link[i], values[valueStart[i] .. valueStart[i+1]) and timestamps[timestampStart[i] .. timestampStart[i+1]).
 * All 64-bit numbers are exact.
 */
export interface SampleColumns {
  readonly length: number;
  readonly stack: Int32Array;
  readonly attrSet: Int32Array;
  readonly attrSets: readonly Int32Array[];
  readonly link: Int32Array;
  readonly valueStart: Int32Array;
  readonly values: BigInt64Array;
  readonly timestampStart: Int32Array;
  readonly timestamps: BigUint64Array;
}
