import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Adapter, AdapterPayload } from 'oidc-provider';
import { syncFolder } from '../folder-sync.ts';

/** A stored object of an oidc-provider model. */
type Entry = { payload: AdapterPayload /** Epoch seconds. */; expiresAt?: number };

type StoredFile = { secrets?: Record<string, unknown>; records?: Record<string, Entry> };

const now = () => Math.floor(Date.now() / 1000);

/**
 * The state of the identity provider: its keys, and oidc-provider's sessions, grants and tokens. A file that only its owner
 * can read stores it; each change is on disk before the response that depends on it.
 */
export class OidcProviderRecords {
  readonly #file: string | undefined;
  readonly #secrets: Record<string, unknown>;
  readonly #records: Map<string, Entry>;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  /** @param file without it the state lives as long as the process */
  constructor(file: string | undefined) {
    if (file !== undefined) mkdirSync(dirname(file), { recursive: true });
    const stored: StoredFile = file !== undefined && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
    this.#file = file;
    this.#secrets = stored.secrets ?? {};
    this.#records = new Map(Object.entries(stored.records ?? {}));
  }

  /** The secret of this name, generated at its first use. */
  async secret<T>(name: string, generate: () => T): Promise<T> {
    if (this.#secrets[name] === undefined) {
      this.#secrets[name] = generate();
      await this.#save();
    }
    return this.#secrets[name] as T;
  }

  /**
   * oidc-provider's storage for one of its models.
   *
   * @param graceSeconds how long a rotated refresh token of a client remains valid, as Cognito's
   * `RetryGracePeriodSeconds`. oidc-provider has no grace period, so during it the token appears unused.
   */
  adapter(model: string, graceSeconds: (clientId: string) => number): Adapter {
    const keyOf = (id: string) => `${model}:${id}`;
    const records = this.#records;
    const unexpired = (key: string) => {
      const entry = records.get(key);
      return entry === undefined || isExpired(entry) ? undefined : entry.payload;
    };
    return {
      upsert: async (id, payload, expiresIn) => {
        records.set(keyOf(id), { payload, expiresAt: expiresIn === undefined ? undefined : now() + expiresIn });
        await this.#save();
      },
      find: async (id) => {
        const payload = unexpired(keyOf(id));
        const { consumed, clientId } = payload ?? {};
        const inGracePeriod = typeof consumed === 'number' && now() < consumed + graceSeconds(String(clientId));
        return model === 'RefreshToken' && inGracePeriod ? { ...payload, consumed: undefined } : payload;
      },
      findByUid: async (uid) => {
        for (const [key, { payload }] of records) {
          if (key.startsWith(`${model}:`) && payload.uid === uid) return unexpired(key);
        }
        return undefined;
      },
      // Of the device flow, which Cognito does not have.
      findByUserCode: async () => undefined,
      consume: async (id) => {
        const payload = unexpired(keyOf(id));
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

  /** Resolves when all changes so far are in the file. Changes during a write share the next one. */
  #save(): Promise<void> {
    this.#next ??= this.#writing
      .catch(() => undefined) // The callers that waited for that write received its error.
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
    const stored: StoredFile = { secrets: this.#secrets, records: Object.fromEntries(this.#records) };
    // Renamed into place, so that an interrupted write loses no existing record.
    const temporary = `${this.#file}.new`;
    await writeFile(temporary, JSON.stringify(stored), { mode: 0o600, flush: true });
    await rename(temporary, this.#file);
    await syncFolder(dirname(this.#file));
  }
}

const isExpired = ({ expiresAt }: Entry) => expiresAt !== undefined && expiresAt <= now();
