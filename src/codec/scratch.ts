/** An array that one synchronous decoding after another uses; it is given back when it has grown large. */
export class ScratchInts {
  private data = new Int32Array(256);

  /** At least `length` integers, the first `length` of them set to `value`. Valid until the next call. */
  take(length: number, value: number): Int32Array {
    if (length > this.data.length || this.data.length > 1 << 18) {
      this.data = new Int32Array(Math.max(256, 2 ** Math.ceil(Math.log2(length + 1))));
    }
    this.data.fill(value, 0, length);
    return this.data;
  }
}
