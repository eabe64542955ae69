import { fromBase64url, randomToken } from './crypto.ts';
import type { SealContext, Sealer } from './sealer.ts';

/** Storage of sealed keys. Throws `ServiceUnavailableError` when the store does not answer. */
export interface SealedKeyStore {
  loadKey(name: string): Promise<string | undefined>;
  /** Stores the key unless one of the name exists. @returns the stored key, which another process may have created */
  createKey(name: string, sealed: string): Promise<string>;
}

/** A key that all processes of a deployment share. */
export interface SharedKey {
  /** Throws `ServiceUnavailableError`. */
  load(): Promise<CryptoKey>;
}

/**
 * A key of the deployment: 256 random bits, generated at the first use, stored sealed and cached for the life of the
 * process. A KMS key would cost a dollar a month and a request for each use.
 *
 * @param purpose its seal context, and its name in the store
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
