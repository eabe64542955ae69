import { fromBase64url, randomToken } from './crypto.ts';
import type { SealContext, Sealer } from './sealer.ts';

/** Where sealed keys live. Throws `Outage` when the store does not answer. */
export interface SealedKeyStore {
  loadKey(name: string): Promise<string | undefined>;
  /** Stores the first key of the name; @returns the one that stands there, which may be another's */
  createKey(name: string, sealed: string): Promise<string>;
}

/** A key that all processes of the deployment share. */
export interface SharedKey {
  /** Throws `Outage`. */
  load(): Promise<CryptoKey>;
}

/**
 * A key of the whole deployment: 256 random bits that are made when first needed, sealed in the table, and kept open for
 * the life of the function. (A KMS key would do the same for a dollar a month and a call each time.)
 *
 * @param purpose what it is sealed for, and its name in the store
 */
export function sealedKey(
  store: SealedKeyStore,
  sealer: Pick<Sealer, 'prepare' | 'unseal'>,
  purpose: Exclude<SealContext['purpose'], 'upstream'>,
): SharedKey {
  let loaded: Promise<CryptoKey> | undefined;

  async function open(): Promise<CryptoKey> {
    const sealed = (await store.loadKey(purpose)) ?? (await create());
    const secret = fromBase64url(await sealer.unseal(sealed, { purpose }));
    return purpose === 'refresh-mac'
      ? crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
      : crypto.subtle.importKey('raw', secret, 'AES-GCM', false, ['encrypt', 'decrypt']);
  }

  async function create(): Promise<string> {
    const seal = await sealer.prepare({ purpose });
    return store.createKey(purpose, await seal(randomToken()));
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
