import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { AwsError, type Json } from '../aws-api/aws-error.ts';
import { assertSpec, type KmsKey } from './kms-key.ts';

/*
 * A ciphertext blob is opaque to clients. This format: key id (16 bytes), nonce (12), AES-256-GCM ciphertext, tag (16).
 * The additional authenticated data are the key id and the encryption context.
 */

const KEY_ID_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export type EncryptionContext = Record<string, string>;

export function encrypt(key: KmsKey, plaintext: Buffer, input: Json): { CiphertextBlob: string } {
  assertSpec(key, 'SYMMETRIC_DEFAULT');
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.material, nonce).setAAD(authenticatedData(key, input));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const id = Buffer.from(key.keyId.replaceAll('-', ''), 'hex');
  return { CiphertextBlob: Buffer.concat([id, nonce, ciphertext, cipher.getAuthTag()]).toString('base64') };
}

/** @throws AwsError InvalidCiphertextException */
export function decrypt(key: KmsKey, blob: Buffer, input: Json): Buffer {
  const { nonce, ciphertext, tag } = parseCiphertext(blob);
  const decipher = createDecipheriv('aes-256-gcm', key.material, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(authenticatedData(key, input)).setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch {
    // As in KMS, the error does not reveal which of the two is wrong.
    throw new AwsError('InvalidCiphertextException', 'The ciphertext or its encryption context is invalid.');
  }
}

/** @throws AwsError InvalidCiphertextException */
export function parseCiphertext(blob: Buffer): { keyId: string; nonce: Buffer; ciphertext: Buffer; tag: Buffer } {
  const ciphertextStart = KEY_ID_BYTES + NONCE_BYTES;
  if (blob.length < ciphertextStart + TAG_BYTES) {
    throw new AwsError('InvalidCiphertextException', 'The ciphertext is too short.');
  }
  return {
    keyId: blob.toString('hex', 0, KEY_ID_BYTES).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    nonce: blob.subarray(KEY_ID_BYTES, ciphertextStart),
    ciphertext: blob.subarray(ciphertextStart, -TAG_BYTES),
    tag: blob.subarray(-TAG_BYTES),
  };
}

/** @throws AwsError ValidationException */
export function encryptionContextOf({ EncryptionContext: context = {} }: Json): EncryptionContext {
  const values = typeof context === 'object' && context !== null ? Object.values(context) : [undefined];
  if (values.some((value) => typeof value !== 'string')) {
    throw new AwsError('ValidationException', 'EncryptionContext must map strings to strings.');
  }
  return context as EncryptionContext;
}

/** Independent of the order of the pairs. */
function authenticatedData(key: KmsKey, input: Json): Buffer {
  const pairs = Object.entries(encryptionContextOf(input)).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(JSON.stringify([key.keyId, pairs]));
}
