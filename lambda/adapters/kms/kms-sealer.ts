import { base64url, bytes, fromBase64url } from '../../core/support/crypto.ts';
import type { SealContext, Sealer } from '../../core/support/sealer.ts';
import { base64, bytesOf, type KmsClient } from './kms-client.ts';

/** Cache of data keys, so that an active user costs one `Decrypt`. */
const CACHED_KEYS = 500;
const CACHED_MILLISECONDS = 5 * 60 * 1000;

/**
 * Envelope encryption: each sealed text has a data key, wrapped by KMS under the encryption context of its owner. In the
 * place of another owner it fails twice: at KMS, and at GCM, which authenticates the context.
 *
 * The result is `wrapped key . nonce . ciphertext`, each base64url. A key seals once, so a nonce is never reused.
 */
export function kmsSealer(kms: KmsClient, keyId: string, table: string): Sealer {
  const cache = new Map<string, { key: CryptoKey; until: number }>();
  const encryptionContext = ({ purpose, grant }: SealContext) => ({
    table,
    purpose,
    ...(grant !== undefined && { grant }),
  });
  const algorithm = (nonce: Uint8Array<ArrayBuffer>, context: SealContext) => ({
    name: 'AES-GCM',
    iv: nonce,
    additionalData: bytes(JSON.stringify(encryptionContext(context))),
  });

  /** The data key, from the cache if it was unwrapped for this owner. */
  async function open(wrapped: string, context: SealContext): Promise<CryptoKey> {
    const name = JSON.stringify([wrapped, encryptionContext(context)]);
    const hit = cache.get(name);
    if (hit && hit.until > Date.now()) return hit.key;
    const { Plaintext } = await kms('Decrypt', {
      KeyId: keyId,
      CiphertextBlob: base64(fromBase64url(wrapped)),
      EncryptionContext: encryptionContext(context),
    });
    const key = await importKey(bytesOf(Plaintext));
    if (cache.size >= CACHED_KEYS) cache.delete(cache.keys().next().value!);
    cache.set(name, { key, until: Date.now() + CACHED_MILLISECONDS });
    return key;
  }

  return {
    async prepare(context) {
      const { Plaintext, CiphertextBlob } = await kms('GenerateDataKey', {
        KeyId: keyId,
        KeySpec: 'AES_256',
        EncryptionContext: encryptionContext(context),
      });
      const key = await importKey(bytesOf(Plaintext));
      return async (text) => {
        const nonce = crypto.getRandomValues(new Uint8Array(12));
        const ciphertext = await crypto.subtle.encrypt(algorithm(nonce, context), key, bytes(text));
        return [bytesOf(CiphertextBlob), nonce, new Uint8Array(ciphertext)].map(base64url).join('.');
      };
    },

    async unseal(sealed, context) {
      const [wrapped, nonce, ciphertext] = sealed.split('.');
      if (!wrapped || !nonce || !ciphertext) throw new Error('Malformed sealed text');
      const key = await open(wrapped, context);
      const text = await crypto.subtle.decrypt(
        algorithm(fromBase64url(nonce), context),
        key,
        fromBase64url(ciphertext),
      );
      return new TextDecoder().decode(text);
    },
  };
}

/** Imports the raw key and wipes it. */
async function importKey(raw: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);
  raw.fill(0);
  return key;
}
