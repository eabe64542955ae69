import { fromBase64url, randomToken } from '../digest.ts';
import type { Sealer } from '../seal.ts';
import type { MacKey } from './tokens.ts';

/** Where the sealed key lives. Throws `Outage` when the store does not answer. */
export interface SealedKeyStore {
  loadKey(name: string): Promise<string | undefined>;
  /** Stores the first key of the name; @returns the one that stands there, which may be another's */
  createKey(name: string, sealed: string): Promise<string>;
}

const NAME = 'refresh-mac';
const context = { purpose: 'refresh-mac' } as const;

/**
 * The one key of the deployment that authenticates refresh tokens: made at the first sign-in, sealed in the table, and
 * kept open for the life of the function. (A KMS HMAC key would do the same for a dollar a month and a call a token.)
 */
export function sealedMacKey(store: SealedKeyStore, sealer: Sealer): MacKey {
  let loaded: Promise<CryptoKey> | undefined;

  async function open(): Promise<CryptoKey> {
    const sealed = (await store.loadKey(NAME)) ?? (await create());
    const secret = fromBase64url(await sealer.unseal(sealed, context));
    return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
  }

  async function create(): Promise<string> {
    const seal = await sealer.prepare(context);
    return store.createKey(NAME, await seal(randomToken()));
  }

  return {
    load() {
      loaded ??= open().catch((error) => {
        loaded = undefined;
        throw error;
      });
      return loaded;
    },
  };
}
