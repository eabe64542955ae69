/** Where everything about a user is taken away. Throws `Outage`; what is gone by then stays gone. */
export interface ErasureStore {
  /**
   * Deletes items that are about the user, so that what leads to the others goes last. To be called again until nothing
   * is left: it finds what a call before has not come to.
   *
   * @param most how many items this call may delete, about
   * @param now epoch milliseconds
   */
  erase(user: string, most: number, now: number): Promise<{ items: number; done: boolean }>;
}
