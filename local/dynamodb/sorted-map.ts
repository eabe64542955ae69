/**
 * A map in the order of its keys. An insertion moves the keys after it, which is cheap up to some hundred thousand
 * entries: what a laptop's table holds.
 */
export class SortedMap<V> {
  readonly #keys: string[] = [];
  readonly #values = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: V): void {
    if (!this.#values.has(key)) this.#keys.splice(this.#firstFrom(key), 0, key);
    this.#values.set(key, value);
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#keys.splice(this.#firstFrom(key), 1);
  }

  /** The values from a key on and before another one, from the end if `isReverse`. The map must not change meanwhile. */
  *range({ from, to }: { from: string; to: string }, isReverse: boolean): IterableIterator<V> {
    const [first, end] = [this.#firstFrom(from), this.#firstFrom(to)];
    for (let offset = 0; offset < end - first; offset++) {
      yield this.#values.get(this.#keys[isReverse ? end - 1 - offset : first + offset]!)!;
    }
  }

  values(): IterableIterator<V> {
    return this.#values.values();
  }

  entries(): IterableIterator<[string, V]> {
    return this.#values.entries();
  }

  /** Position of the first key that is not below `key`. */
  #firstFrom(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
