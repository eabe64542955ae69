/** Erasure of a user. Throws `ServiceUnavailableError`; items that are deleted by then stay deleted. */
export interface ErasureStore {
  /**
   * Deletes items of the user, those that lead to others last, so that a repeated call continues after a failure. To be
   * called until it is done. A standing grant stays, as revoked and without the user: it denies access until the operator
   * allows it.
   *
   * @param most about how many items this call may delete
   * @param now epoch milliseconds
   */
  erase(user: string, most: number, now: number): Promise<{ items: number; done: boolean }>;
}
