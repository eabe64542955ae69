import { Stream } from 'node:stream';
import dynalite from 'dynalite/db/index.js';
import { type Range, SortedMap } from './sorted-map.ts';

/** Attribute values as the wire has them, e.g. `{ pk: { S: 'G#1' } }`. */
export type Item = Record<string, Record<string, unknown>>;

type KeySchema = { AttributeName: string; KeyType: string }[];
export type Index = {
  IndexName: string;
  KeySchema: KeySchema;
  Projection: { ProjectionType?: string; NonKeyAttributes?: string[] };
};

/** The part of a table's description that decides where its items are. */
export type TableDefinition = {
  TableName: string;
  AttributeDefinitions: { AttributeName: string; AttributeType: string }[];
  KeySchema: KeySchema;
  GlobalSecondaryIndexes?: Index[];
  LocalSecondaryIndexes?: Index[];
};

/** The items of one table. `definition` is missing while the table is only known from the disk. */
type Table = { definition?: TableDefinition; items: SortedMap<Item>; indexes: Map<string, SortedMap<Item>> };

type Level = ReturnType<typeof dynalite.create>['db'];
type Callback<T = void> = (error: Error | null, value?: T) => void;

/**
 * What dynalite keeps its items in, in place of its own store: synchronous and in memory, so that a whole request, or
 * a whole transaction, happens between two turns of the event loop and nobody ever sees half of it. With a folder,
 * the items are also in a LevelDB: what one request wrote goes there in one batch, so a killed process leaves no half
 * of it either. Indexes are not written; they are made again from the items when the table is created.
 *
 * Items are replaced, never changed: dynalite's actions copy what they alter.
 */
export class Store {
  /** dynalite reads its limit here, in bytes. */
  readonly options = { maxItemSize: 400 * 1024 };

  readonly #level: Level | undefined;
  readonly #tables = new Map<string, Table>();
  readonly #streams: ValueStream[] = [];
  /** How to take back what the request under way has written. */
  #undo: (() => void)[] = [];
  /** Keys of the LevelDB whose values in memory are newer. */
  readonly #unsaved = new Map<string, { table: string; key: string }>();
  #writing: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;

  private constructor(level: Level | undefined) {
    this.#level = level;
  }

  /**
   * @param folder of the LevelDB, created if missing; without it everything is forgotten at the end
   * @throws Error when another process has the folder open
   */
  static async open(folder: string | undefined): Promise<Store> {
    if (folder === undefined) return new Store(undefined);
    const level = dynalite.create({ path: folder }).db;
    try {
      await level.open();
    } catch (cause) {
      throw new Error(`The tables in ${folder} cannot be opened: is another local cloud running?`, { cause });
    }
    const store = new Store(level);
    for await (const [key, item] of level.iterator()) {
      const separator = key.indexOf('~');
      store.#table(key.slice(0, separator)).items.set(key.slice(separator + 1), item as Item);
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
    const table: Table = { definition, items: new SortedMap(), indexes: new Map() };
    for (const item of previous.items.values()) {
      const invalid = dynalite.validateItem(item, definition);
      if (invalid) {
        throw new Error(
          `Table ${name} holds items from before a change of its keys that do not fit the new ones ` +
            `(${invalid.message}). Start with --fresh to forget them.`,
        );
      }
      table.items.set(dynalite.createKey(item, definition), item);
      const indexes = [...(definition.GlobalSecondaryIndexes ?? []), ...(definition.LocalSecondaryIndexes ?? [])];
      for (const put of dynalite.getIndexActions(indexes, null, item, definition).puts) {
        this.#index(table, put.index).set(put.key, put.item);
      }
    }
    for (const [key] of [...previous.items.entries(), ...table.items.entries()]) {
      if (previous.items.get(key) !== table.items.get(key)) this.#unsaved.set(`${name}~${key}`, { table: name, key });
    }
    this.#tables.set(name, table);
  }

  definition(tableName: string): TableDefinition | undefined {
    return this.#tables.get(tableName)?.definition;
  }

  /** All items of a table, in no order. */
  items(tableName: string): Item[] {
    return [...this.#table(tableName).items.values()];
  }

  /** The item with the key that `item` has, or that it consists of. */
  find(tableName: string, item: Item): Item | undefined {
    const { definition, items } = this.#table(tableName);
    return definition && items.get(dynalite.createKey(item, definition));
  }

  /** Runs `work`; when it throws, everything it wrote is taken back. */
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
  async save(): Promise<void> {
    if (!this.#level || this.#unsaved.size === 0) return this.#writing;
    // One batch at a time, because two may overtake one another; who comes meanwhile shares the next.
    this.#queued ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#queued = undefined;
        this.#writing = this.#write(this.#level!);
        return this.#writing;
      });
    return this.#queued;
  }

  async close(): Promise<void> {
    await this.save();
    await this.#level?.close();
  }

  // What follows is the interface that dynalite's actions expect of a store.

  getTable(name: string, ...rest: [Callback<object>] | [boolean, Callback<object>]): void {
    const callback = rest.at(-1) as Callback<object>;
    const definition = this.definition(name);
    if (definition) {
      callback(null, definition);
      return;
    }
    const body = {
      __type: 'com.amazonaws.dynamodb.v20120810#ResourceNotFoundException',
      message: 'Requested resource not found',
    };
    callback(Object.assign(new Error(body.message), { statusCode: 400, body }));
  }

  getItemDb(tableName: string) {
    const { items } = this.#table(tableName);
    return this.#database(items, (key) => this.#unsaved.set(`${tableName}~${key}`, { table: tableName, key }));
  }

  getIndexDb(_type: string, tableName: string, indexName: string) {
    return this.#database(this.#index(this.#table(tableName), indexName), () => undefined);
  }

  /** Lets the streams of the action under way flow; dynalite has attached its listeners by now. */
  flow(): void {
    for (const stream of this.#streams.splice(0)) stream.flow();
  }

  #database(map: SortedMap<Item>, written: (key: string) => void) {
    const change = (key: string, item: Item | undefined, callback: Callback) => {
      const previous = map.get(key);
      this.#undo.push(() => (previous ? map.set(key, previous) : map.delete(key)));
      if (item) map.set(key, item);
      else map.delete(key);
      written(key);
      callback(null);
    };
    return {
      get: (key: string, callback: Callback<Item>) => callback(null, map.get(key)),
      put: (key: string, item: Item, callback: Callback) => change(key, item, callback),
      del: (key: string, callback: Callback) => change(key, undefined, callback),
      /** Nothing else runs in between, so there is nobody to lock out. */
      lock: (_key: string, work: (release: (callback: Callback) => Callback) => void) => work((callback) => callback),
      createValueStream: (range: Range) => {
        const stream = new ValueStream(map.range(range));
        this.#streams.push(stream);
        return stream;
      },
    };
  }

  async #write(level: Level): Promise<void> {
    const batch = [...this.#unsaved];
    this.#unsaved.clear();
    try {
      await level.batch(
        batch.map(([path, { table, key }]) => {
          const value = this.#table(table).items.get(key);
          return value ? { type: 'put', key: path, value } : { type: 'del', key: path };
        }),
      );
    } catch (error) {
      for (const [path, place] of batch) this.#unsaved.set(path, place);
      throw error;
    }
  }

  #table(name: string): Table {
    let table = this.#tables.get(name);
    if (!table) {
      table = { items: new SortedMap(), indexes: new Map() };
      this.#tables.set(name, table);
    }
    return table;
  }

  #index(table: Table, name: string): SortedMap<Item> {
    let index = table.indexes.get(name);
    if (!index) {
      index = new SortedMap();
      table.indexes.set(name, index);
    }
    return index;
  }
}

/** Values as dynalite wants to read them: it tells a stream from other emitters by this class. */
class ValueStream extends Stream {
  readonly #values: Item[];
  #wanted = true;

  constructor(values: Item[]) {
    super();
    this.#values = values;
  }

  flow(): void {
    for (const value of this.#values) {
      if (!this.#wanted) return;
      this.emit('data', value);
    }
    this.emit('end');
  }

  /** dynalite has enough. */
  destroy(): void {
    this.#wanted = false;
  }
}
