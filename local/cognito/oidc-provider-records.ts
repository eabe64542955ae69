import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Adapter, AdapterPayload } from 'oidc-provider';

/** What oidc-provider stores under one id of one model. */
type Entry = { payload: AdapterPayload /** Epoch seconds. */; expiresAt?: number };

type Written = { secrets?: Record<string, unknown>; records?: Record<string, Entry> };

const now = () => Math.floor(Date.now() / 1000);

/**
 * Everything the identity provider remembers: its keys, and oidc-provider's sessions, grants and tokens. A file keeps it
 * over restarts; it is for its owner's eyes alone, and written before the answer that depends on it is sent.
 */
export class OidcProviderRecords {
  readonly #file: string | undefined;
  readonly #secrets: Record<string, unknown>;
  readonly #records: Map<string, Entry>;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  /** @param file without it everything is forgotten with the process */
  constructor(file: string | undefined) {
    if (file !== undefined) mkdirSync(dirname(file), { recursive: true });
    const written: Written = file !== undefined && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
    this.#file = file;
    this.#secrets = written.secrets ?? {};
    this.#records = new Map(Object.entries(written.records ?? {}));
  }

  /** The secret of this name, made on first use. */
  async secret<T>(name: string, make: () => T): Promise<T> {
    if (this.#secrets[name] === undefined) {
      this.#secrets[name] = make();
      await this.#save();
    }
    return this.#secrets[name] as T;
  }

  /**
   * oidc-provider's storage for one of its models.
   *
   * @param graceSeconds for how long a rotated refresh token of a client may be used once more, as Cognito's
   * `RetryGracePeriodSeconds`. oidc-provider has no such notion, so until then the token does not look used.
   */
  adapter(model: string, graceSeconds: (clientId: string) => number): Adapter {
    const keyOf = (id: string) => `${model}:${id}`;
    const records = this.#records;
    const live = (key: string) => {
      const entry = records.get(key);
      return entry === undefined || isExpired(entry) ? undefined : entry.payload;
    };
    return {
      upsert: async (id, payload, expiresIn) => {
        records.set(keyOf(id), { payload, expiresAt: expiresIn === undefined ? undefined : now() + expiresIn });
        await this.#save();
      },
      find: async (id) => {
        const payload = live(keyOf(id));
        const { consumed, clientId } = payload ?? {};
        const stillUsable = typeof consumed === 'number' && now() < consumed + graceSeconds(String(clientId));
        return model === 'RefreshToken' && stillUsable ? { ...payload, consumed: undefined } : payload;
      },
      findByUid: async (uid) => {
        for (const [key, { payload }] of records) {
          if (key.startsWith(`${model}:`) && payload.uid === uid) return live(key);
        }
        return undefined;
      },
      // Codes for devices, which Cognito does not have.
      findByUserCode: async () => undefined,
      consume: async (id) => {
        const payload = live(keyOf(id));
        if (payload !== undefined) payload.consumed ??= now();
        await this.#save();
      },
      destroy: async (id) => {
        records.delete(keyOf(id));
        await this.#save();
      },
      revokeByGrantId: async (grantId) => {
        for (const [key, { payload }] of records) if (payload.grantId === grantId) records.delete(key);
        await this.#save();
      },
    };
  }

  /** Resolves when everything said so far is in the file. What comes while one write is under way shares the next. */
  #save(): Promise<void> {
    this.#next ??= this.#writing
      .catch(() => undefined) // Whoever waited for that write has been told.
      .then(() => {
        this.#next = undefined;
        this.#writing = this.#write();
        return this.#writing;
      });
    return this.#next;
  }

  async #write(): Promise<void> {
    for (const [key, entry] of this.#records) if (isExpired(entry)) this.#records.delete(key);
    if (this.#file === undefined) return;
    const written: Written = { secrets: this.#secrets, records: Object.fromEntries(this.#records) };
    // Renamed into place, so that an interrupted write loses nothing that was there.
    const temporary = `${this.#file}.new`;
    await writeFile(temporary, JSON.stringify(written), { mode: 0o600 });
    await rename(temporary, this.#file);
  }
}

const isExpired = ({ expiresAt }: Entry) => expiresAt !== undefined && expiresAt <= now();
