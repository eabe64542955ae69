/** The part of a sorted map that is wanted: `gte` or `gt` up to `lt` or `lte`, `limit` values (-1: all), from the end if `reverse`. */
export type Range = { gte?: string; gt?: string; lt?: string; lte?: string; reverse?: boolean; limit?: number };

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

  range({ gte, gt, lt, lte, reverse = false, limit = -1 }: Range): V[] {
    const from = gte !== undefined ? this.#firstFrom(gte) : gt !== undefined ? this.#firstAfter(gt) : 0;
    const to = lt !== undefined ? this.#firstFrom(lt) : lte !== undefined ? this.#firstAfter(lte) : this.#keys.length;
    const end = reverse || limit < 0 ? to : Math.min(to, from + limit);
    const start = reverse && limit >= 0 ? Math.max(from, to - limit) : from;
    const values = this.#keys.slice(start, end).map((key) => this.#values.get(key)!);
    return reverse ? values.reverse() : values;
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

  #firstAfter(key: string): number {
    const position = this.#firstFrom(key);
    return this.#keys[position] === key ? position + 1 : position;
  }
}
