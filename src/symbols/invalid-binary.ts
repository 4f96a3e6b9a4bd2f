/** The file is no binary that we can read, or says of itself what cannot be. */
export class InvalidBinaryError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "InvalidBinaryError";
  }
}
