/** Room held in a queue. */
export interface Reservation {
  /** Gives the room back; idempotent. The queue calls it in the same tick in which it takes the data. */
  release(): void;
}
