/** The bytes are no valid profiles request; the message says why. Borders answer 400 / INVALID_ARGUMENT. */
export class InvalidProfilesError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "InvalidProfilesError";
  }
}
