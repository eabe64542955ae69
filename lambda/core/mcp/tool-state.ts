import { ServiceUnavailableError } from '../support/service-unavailable-error.ts';

/** What a tool has put aside for its user. */
export type StateEntry<T = unknown> = {
  key: string;
  value: T;
  /** 1 at first, one more at each write. */
  version: number;
  /** Epoch seconds. */
  expiresAt: number;
};

/** Where entries live. Every method throws `Outage` when the store does not answer. */
export interface StateStore {
  get(user: string, key: string, now: number): Promise<StateEntry | undefined>;
  /**
   * Writes the next version.
   * @param expected the version that must stand there now; 0: nothing may stand there
   * @returns false when something else stands there
   */
  put(user: string, entry: StateEntry, expected: number, now: number): Promise<boolean>;
  delete(user: string, key: string): Promise<void>;
  /** Entries whose keys begin so, by key. @param after the key that the page before ended with */
  list(user: string, prefix: string, limit: number, after: string | undefined, now: number): Promise<StatePage>;
}

/** Some entries, and where the next ones begin. */
export type StatePage<T = unknown> = {
  entries: StateEntry<T>[];
  /** To be handed in for the next page; absent on the last. */
  next?: string;
};

/** Somebody else wrote in between: read again, and decide again. */
export class StateConflict extends Error {
  override readonly name = 'StateConflict';

  constructor(key: string, expected: number) {
    super(`${JSON.stringify(key)} is no longer at version ${expected}: read it again before you write`);
  }
}

const LARGEST_VALUE = 64 * 1024;
const keyForm = /^[\x21-\x7e]{1,200}$/;
const ATTEMPTS = 5;

/** A small store that belongs to one user: what a tool may keep now that the protocol has no sessions. */
export class ToolState {
  readonly #store: StateStore;
  readonly #user: string;
  readonly #now: () => number;

  constructor(store: StateStore, user: string, now: () => number) {
    this.#store = store;
    this.#user = user;
    this.#now = now;
  }

  /** @returns the entry, unless there is none or it has expired */
  async get<T>(key: string): Promise<StateEntry<T> | undefined> {
    return (await this.#store.get(this.#user, checkedKey(key), this.#now())) as StateEntry<T> | undefined;
  }

  /**
   * Writes a JSON value.
   * @param options.version the version this write builds on (0: there must be none yet); absent, the last writer wins
   * @param options.ttlSeconds how long the value is kept, 30 days by default
   * @throws StateConflict when another version stands there
   */
  async put<T>(key: string, value: T, options: { version?: number; ttlSeconds?: number } = {}): Promise<StateEntry<T>> {
    checkedKey(key);
    const json = JSON.stringify(value);
    if (json === undefined) throw new RangeError(`What is put under ${JSON.stringify(key)} is no JSON value`);
    if (json.length > LARGEST_VALUE) {
      throw new RangeError(`${JSON.stringify(key)} has ${json.length} characters; at most ${LARGEST_VALUE} are kept`);
    }
    const now = this.#now();
    const expiresAt = now + (options.ttlSeconds ?? 30 * 24 * 3600);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const standing = options.version ?? (await this.get(key))?.version ?? 0;
      const entry = { key, value: JSON.parse(json) as T, version: standing + 1, expiresAt };
      if (await this.#store.put(this.#user, entry, standing, now)) return entry;
      if (options.version !== undefined) throw new StateConflict(key, options.version);
    }
    throw new ServiceUnavailableError(
      'The state store',
      new Error(`${key} changed ${ATTEMPTS} times during one write`),
    );
  }

  /**
   * Entries whose keys begin with the prefix, by key.
   * @param options.limit how many at most: 50 by default, 100 at most
   * @param options.after `next` of the page before
   */
  async list<T>(prefix = '', options: { limit?: number; after?: string } = {}): Promise<StatePage<T>> {
    const { limit = 50, after } = options;
    if (prefix !== '') checkedKey(prefix);
    if (after !== undefined) checkedKey(after);
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= 100)) {
      throw new RangeError(`limit is ${limit}: choose 1 to 100`);
    }
    return (await this.#store.list(this.#user, prefix, limit, after, this.#now())) as StatePage<T>;
  }

  async delete(key: string): Promise<void> {
    await this.#store.delete(this.#user, checkedKey(key));
  }
}

function checkedKey(key: string): string {
  if (!keyForm.test(key)) throw new RangeError(`${JSON.stringify(key)} is no key: use 1 to 200 visible characters`);
  return key;
}
