import { DecryptCommand, GenerateDataKeyCommand, type KMSClient } from '@aws-sdk/client-kms';
import { base64url, bytes, fromBase64url } from '../../core/support/crypto.ts';
import type { SealContext, Sealer } from '../../core/support/sealer.ts';
import { callKms } from './kms-client.ts';

/** How many data keys a function keeps open, and for how long: enough that a busy user costs one `Decrypt`. */
const OPEN_KEYS = 500;
const OPEN_MILLISECONDS = 5 * 60 * 1000;

/**
 * Envelope encryption: each text has a data key of its own, wrapped by KMS under its owner's names. A text moved to
 * another owner fails twice: at KMS, whose encryption context differs, and at GCM, which authenticates the names.
 *
 * A sealed text is `wrapped key . nonce . ciphertext`, each base64url. A key seals once, so no nonce meets it twice.
 */
export function kmsSealer(kms: KMSClient, keyId: string, table: string): Sealer {
  const opened = new Map<string, { key: CryptoKey; until: number }>();
  const names = ({ purpose, grant }: SealContext) => ({ table, purpose, ...(grant !== undefined && { grant }) });
  const algorithm = (nonce: Uint8Array<ArrayBuffer>, context: SealContext) => ({
    name: 'AES-GCM',
    iv: nonce,
    additionalData: bytes(JSON.stringify(names(context))),
  });

  /** The data key, from memory if this owner's was opened lately. */
  async function open(wrapped: string, context: SealContext): Promise<CryptoKey> {
    const name = JSON.stringify([wrapped, names(context)]);
    const hit = opened.get(name);
    if (hit && hit.until > Date.now()) return hit.key;
    const CiphertextBlob = fromBase64url(wrapped);
    const { Plaintext } = await callKms(
      kms.send(new DecryptCommand({ KeyId: keyId, CiphertextBlob, EncryptionContext: names(context) })),
    );
    const key = await importKey(Plaintext!);
    if (opened.size >= OPEN_KEYS) opened.delete(opened.keys().next().value!);
    opened.set(name, { key, until: Date.now() + OPEN_MILLISECONDS });
    return key;
  }

  return {
    async prepare(context) {
      const { Plaintext, CiphertextBlob } = await callKms(
        kms.send(new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: 'AES_256', EncryptionContext: names(context) })),
      );
      const key = await importKey(Plaintext!);
      return async (text) => {
        const nonce = crypto.getRandomValues(new Uint8Array(12));
        const ciphertext = await crypto.subtle.encrypt(algorithm(nonce, context), key, bytes(text));
        return [CiphertextBlob!, nonce, new Uint8Array(ciphertext)].map(base64url).join('.');
      };
    },

    async unseal(sealed, context) {
      const [wrapped, nonce, ciphertext] = sealed.split('.');
      if (!wrapped || !nonce || !ciphertext) throw new Error('The sealed text is damaged');
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

/** Takes the raw key into the web's own keeping, and wipes it. */
async function importKey(raw: Uint8Array): Promise<CryptoKey> {
  const key = await crypto.subtle.importKey('raw', new Uint8Array(raw), 'AES-GCM', false, ['encrypt', 'decrypt']);
  raw.fill(0);
  return key;
}
