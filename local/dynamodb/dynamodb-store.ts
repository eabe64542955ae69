import { AwsError } from '../aws-api/aws-error.ts';
import { DiskMap } from '../disk-map.ts';
import { attributeOf, type Item } from './attribute-value.ts';
import { checkItemKeys } from './item-keys.ts';
import type { ItemStore } from './item-store.ts';
import { indexStorageKey, type KeyRange, storageKey } from './key-encoding.ts';
import { SortedMap } from './sorted-map.ts';
import { indexesOf, type Keys, keysOf, type TableDefinition } from './table-definition.ts';

export type { Item } from './attribute-value.ts';

/** A table with its keys. An index holds whole items; the reader applies the projection. */
type Defined = {
  definition: TableDefinition;
  keys: Keys;
  indexes: Map<string, { keys: Keys; items: SortedMap<Item> }>;
};

/** The items of one table. `defined` is missing while the table is only known from the disk. */
type Table = { defined?: Defined; items: SortedMap<Item> };

/**
 * The tables: synchronous and in memory, so that a whole request, or a whole transaction, happens between two turns of
 * the event loop and no other request sees half of it. With a folder, the items are also in a LevelDB, as JSON under
 * `<table>~<storage key>`: the writes of one request go there in one batch, so a killed process leaves no half of it
 * either. Indexes are not written; they are built from the items when the table is created.
 */
export class Store implements ItemStore {
  readonly #disk: DiskMap<Item>;
  readonly #tables = new Map<string, Table>();
  /** How to take back what the request under way has written. */
  #undo: (() => void)[] = [];

  private constructor(disk: DiskMap<Item>) {
    this.#disk = disk;
  }

  /**
   * @param folder of the LevelDB, created if missing; without it everything is forgotten at the end
   * @throws Error when another process has the folder open
   */
  static async open(folder: string | undefined): Promise<Store> {
    const disk = await DiskMap.open<Item>(folder).catch((cause) => {
      throw new Error(`The tables in ${folder} cannot be opened: is another local cloud running?`, { cause });
    });
    const store = new Store(disk);
    for await (const [key, item] of disk.entries()) {
      const separator = key.indexOf('~');
      store.#table(key.slice(0, separator)).items.set(key.slice(separator + 1), item);
    }
    return store;
  }

  /**
   * Gives a table its keys and indexes. Items that are there already, from the disk or from an earlier definition,
   * are arranged anew.
   *
   * @throws Error when one of them has no valid key under this definition; nothing is changed then
   */
  define(definition: TableDefinition): void {
    const name = definition.TableName;
    const previous = this.#table(name);
    const defined = definedBy(definition);
    const table: Table = { defined, items: new SortedMap() };
    for (const item of previous.items.values()) {
      try {
        checkItemKeys(item, definition);
      } catch (error) {
        throw new Error(
          `Table ${name} holds items from before a change of its keys that do not fit the new ones ` +
            `(${(error as Error).message}). Start with --fresh to forget them.`,
        );
      }
      table.items.set(storageKey(item, defined.keys), item);
      index(defined, undefined, item);
    }
    for (const [key] of [...previous.items.entries(), ...table.items.entries()]) {
      const item = table.items.get(key);
      if (previous.items.get(key) !== item) this.#setOnDisk(name, key, item);
    }
    this.#tables.set(name, table);
  }

  definition(tableName: string): TableDefinition | undefined {
    return this.#tables.get(tableName)?.defined?.definition;
  }

  table(tableName: string): TableDefinition {
    return this.#defined(tableName).definition;
  }

  /** All items of a table, in no order. */
  items(tableName: string): Item[] {
    return [...this.#table(tableName).items.values()];
  }

  /** The storage key of an item; `undefined` when the item has no valid key or the table does not exist. */
  keyOf(tableName: string, item: Item): string | undefined {
    const keys = this.#tables.get(tableName)?.defined?.keys;
    const isValid = keys?.every(({ name, type }) => attributeOf(item, name)?.[type] !== undefined);
    return keys && isValid ? storageKey(item, keys) : undefined;
  }

  find(tableName: string, item: Item): Item | undefined {
    return this.#table(tableName).items.get(storageKey(item, this.#defined(tableName).keys));
  }

  put(tableName: string, item: Item): void {
    this.#change(tableName, storageKey(item, this.#defined(tableName).keys), item);
  }

  remove(tableName: string, key: Item): void {
    this.#change(tableName, storageKey(key, this.#defined(tableName).keys), undefined);
  }

  range(tableName: string, indexName: string | undefined, range: KeyRange, isReverse: boolean): Iterable<Item> {
    const index = indexName === undefined ? undefined : this.#defined(tableName).indexes.get(indexName);
    return (index ?? this.#table(tableName)).items.range(range, isReverse);
  }

  /** Runs `work`; when it throws, everything it wrote is undone. */
  atomically<T>(work: () => T): T {
    this.#undo = [];
    try {
      return work();
    } catch (error) {
      for (const undo of this.#undo.reverse()) undo();
      throw error;
    } finally {
      this.#undo = [];
    }
  }

  /** Resolves when everything written before the call is on disk. After an error the next call tries again. */
  save(): Promise<void> {
    return this.#disk.save();
  }

  close(): Promise<void> {
    return this.#disk.close();
  }

  #change(tableName: string, key: string, item: Item | undefined): void {
    const previous = this.#replace(tableName, key, item);
    this.#undo.push(() => this.#replace(tableName, key, previous));
  }

  #replace(tableName: string, key: string, item: Item | undefined): Item | undefined {
    const { items } = this.#table(tableName);
    const previous = items.get(key);
    if (item) items.set(key, item);
    else items.delete(key);
    index(this.#defined(tableName), previous, item);
    this.#setOnDisk(tableName, key, item);
    return previous;
  }

  #setOnDisk(table: string, key: string, item: Item | undefined): void {
    const path = `${table}~${key}`;
    if (item === undefined) this.#disk.delete(path);
    else this.#disk.set(path, item);
  }

  #table(name: string): Table {
    let table = this.#tables.get(name);
    if (!table) {
      table = { items: new SortedMap() };
      this.#tables.set(name, table);
    }
    return table;
  }

  #defined(name: string): Defined {
    const defined = this.#tables.get(name)?.defined;
    if (!defined) throw new AwsError('ResourceNotFoundException', 'Requested resource not found');
    return defined;
  }
}

function definedBy(definition: TableDefinition): Defined {
  const indexes = indexesOf(definition).map(
    ({ IndexName, KeySchema }) =>
      [IndexName, { keys: keysOf(definition, KeySchema), items: new SortedMap<Item>() }] as const,
  );
  return { definition, keys: keysOf(definition), indexes: new Map(indexes) };
}

/** Updates the indexes after a write. An item is in an index if it has every key of the index. */
function index({ keys: tableKeys, indexes }: Defined, previous: Item | undefined, item: Item | undefined): void {
  for (const { keys, items } of indexes.values()) {
    const keyOf = (each: Item | undefined) =>
      each && keys.every(({ name }) => attributeOf(each, name)) ? indexStorageKey(each, keys, tableKeys) : undefined;
    const [before, now] = [keyOf(previous), keyOf(item)];
    if (before !== undefined && before !== now) items.delete(before);
    if (now !== undefined) items.set(now, item!);
  }
}
