import type { Item } from './attribute-value.ts';
import type { KeyRange } from './key-encoding.ts';
import type { TableDefinition } from './table-definition.ts';

/** The store as the operations see it. An item is replaced, never changed; the store keeps the indexes up to date. */
export interface ItemStore {
  /** @throws AwsError ResourceNotFoundException */
  table(tableName: string): TableDefinition;
  /** The item with the key that `item` has, or that it consists of. */
  find(tableName: string, item: Item): Item | undefined;
  put(tableName: string, item: Item): void;
  /** @param key the key, or an item with it; it need not be there */
  remove(tableName: string, key: Item): void;
  /** Items of a table, or of an index, in the order of their keys. Nothing may be written meanwhile. */
  range(tableName: string, indexName: string | undefined, range: KeyRange, isReverse: boolean): Iterable<Item>;
}
