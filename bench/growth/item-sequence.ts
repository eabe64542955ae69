import type { Item } from '../../local/dynamodb/dynamodb-store.ts';

/** The items of a partition in the order of their sort keys. Each is generated when it is read. */
export type Sequence = {
  length: number;
  key(position: number): string;
  item(position: number): Item | Promise<Item>;
};

/** A range of sort keys that includes both ends unless it is open. */
export type KeyRange = { from?: string; to?: string; isOpen?: boolean };

/** A sequence of existing items in any order. @param attribute the sort key */
export function sequenceOf(items: Item[], attribute: string): Sequence {
  const key = (item: Item) => String(item[attribute]!.S);
  const sorted = items.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  return { length: sorted.length, key: (position) => key(sorted[position]!), item: (position) => sorted[position]! };
}

/** The positions of a range: `first` is included, `end` is not. */
export function positionsIn(sequence: Sequence, { from, to, isOpen = false }: KeyRange): [first: number, end: number] {
  const first = from === undefined ? 0 : firstWhere(sequence, (key) => (isOpen ? key > from : key >= from));
  const end = to === undefined ? sequence.length : firstWhere(sequence, (key) => (isOpen ? key >= to : key > to));
  return [first, end];
}

function firstWhere({ length, key }: Sequence, isReached: (key: string) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isReached(key(middle))) high = middle;
    else low = middle + 1;
  }
  return low;
}
