/** A list that a test can await: each `push` checks the conditions again. */
export class ObservedList<T> {
  readonly items: T[] = [];
  #pushed = Promise.withResolvers<void>();

  push(item: T): void {
    this.items.push(item);
    this.#pushed.resolve();
    this.#pushed = Promise.withResolvers();
  }

  clear(): void {
    this.items.length = 0;
  }

  /** @returns the items, once they fulfil the condition */
  async until(condition: (items: T[]) => boolean): Promise<T[]> {
    while (!condition(this.items)) await this.#pushed.promise;
    return this.items;
  }

  /** @returns the items, once there are at least `count` */
  atLeast(count: number): Promise<T[]> {
    return this.until(({ length }) => length >= count);
  }
}
