/** A value that a tool stores for its user. */
export type StateEntry<T = unknown> = {
  key: string;
  value: T;
  /** 1 at first; each write adds one. */
  version: number;
  /** Epoch seconds. */
  expiresAt: number;
};

/** Stores entries. Each method throws `ServiceUnavailableError` when the store does not answer. */
export interface StateStore {
  get(user: string, key: string, now: number): Promise<StateEntry | undefined>;
  /**
   * Writes the next version.
   * @param expected the version that must be stored now; 0 requires that none is
   * @returns false when another version is stored, or another request is writing it
   */
  put(user: string, entry: StateEntry, expected: number, now: number): Promise<boolean>;
  /** Writes the value whatever is stored. @returns its version, which is higher than the stored one */
  overwrite(user: string, value: Omit<StateEntry, 'version'>): Promise<number>;
  delete(user: string, key: string): Promise<void>;
  /** Entries with the prefix, by key. @param after the last key of the previous page */
  list(user: string, prefix: string, limit: number, after: string | undefined, now: number): Promise<StatePage>;
}

/** Some entries, and the position of the next ones. */
export type StatePage<T = unknown> = {
  entries: StateEntry<T>[];
  /** `after` of the next page; absent on the last. */
  next?: string;
};

/** Another write came first: read the entry again and repeat the change. */
export class StateConflict extends Error {
  override readonly name = 'StateConflict';

  /** True for a conflict of another copy of this class as well: a bundle has two if a server imports it by its path. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === 'StateConflict';
  }

  constructor(key: string, expected: number) {
    super(`${JSON.stringify(key)} is no longer at version ${expected}; read it again before you write`);
  }
}

const LARGEST_VALUE = 64 * 1024;
const keyForm = /^[\x21-\x7e]{1,200}$/;

/** A small store of one user's data, for tools of a protocol without sessions. */
export class ToolState {
  readonly #store: StateStore;
  readonly #user: string;
  readonly #now: () => number;

  constructor(store: StateStore, user: string, now: () => number) {
    this.#store = store;
    this.#user = user;
    this.#now = now;
  }

  /** @returns the entry; undefined when it does not exist or has expired */
  async get<T>(key: string): Promise<StateEntry<T> | undefined> {
    return (await this.#store.get(this.#user, checkedKey(key), this.#now())) as StateEntry<T> | undefined;
  }

  /**
   * Writes a JSON value.
   * @param options.version the version that this write replaces (0: none may exist). @default the last writer wins
   * @param options.ttlSeconds lifetime of the value. @default 30 days
   * @throws StateConflict when another version is stored
   */
  async put<T>(
    key: string,
    value: T,
    options: { version?: number | undefined; ttlSeconds?: number | undefined } = {},
  ): Promise<StateEntry<T>> {
    checkedKey(key);
    const json = JSON.stringify(value);
    if (json === undefined) throw new RangeError(`The value of ${JSON.stringify(key)} is not serializable as JSON`);
    if (json.length > LARGEST_VALUE) {
      throw new RangeError(`${JSON.stringify(key)} has ${json.length} characters; the limit is ${LARGEST_VALUE}`);
    }
    const now = this.#now();
    const expiresAt = now + (options.ttlSeconds ?? 30 * 24 * 3600);
    const written = { key, value: JSON.parse(json) as T, expiresAt };
    const { version } = options;
    if (version === undefined) return { ...written, version: await this.#store.overwrite(this.#user, written) };
    const entry = { ...written, version: version + 1 };
    if (!(await this.#store.put(this.#user, entry, version, now))) throw new StateConflict(key, version);
    return entry;
  }

  /**
   * Entries whose keys begin with the prefix, by key.
   * @param options.limit 1 to 100. @default 50
   * @param options.after `next` of the previous page
   */
  async list<T>(prefix = '', options: { limit?: number; after?: string } = {}): Promise<StatePage<T>> {
    const { limit = 50, after } = options;
    if (prefix !== '') checkedKey(prefix);
    if (after !== undefined) checkedKey(after);
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= 100)) {
      throw new RangeError(`limit is ${limit}; it must be an integer from 1 to 100`);
    }
    return (await this.#store.list(this.#user, prefix, limit, after, this.#now())) as StatePage<T>;
  }

  async delete(key: string): Promise<void> {
    await this.#store.delete(this.#user, checkedKey(key));
  }
}

function checkedKey(key: string): string {
  if (!keyForm.test(key))
    throw new RangeError(`Invalid key ${JSON.stringify(key)}; use 1 to 200 visible ASCII characters`);
  return key;
}
