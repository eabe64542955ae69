import { AwsError, type Json } from '../aws-api/aws-error.ts';
import type { Statement } from '../iam/iam-policy.ts';
import type { KeySpec, StoredKey } from './key-ring.ts';

/** A key with its settings of the current template. */
export type KmsKey = StoredKey & { arn: string; policy: Statement[]; enabled: boolean };

/** KMS's limit for plaintext and for messages to sign, in bytes. */
export const maxMessageBytes = 4096;

/** KMS's limit for ciphertext blobs and signatures, in bytes. */
const maxBlobBytes = 6144;

/** @throws AwsError InvalidKeyUsageException */
export function assertSpec(key: KmsKey, spec: KeySpec): void {
  if (key.spec !== spec) throw new AwsError('InvalidKeyUsageException', `${key.arn} is of spec ${key.spec}.`);
}

/** A base64 member of a request. @throws AwsError ValidationException */
export function readBytes(input: Json, member: string, maxBytes = maxBlobBytes): Buffer {
  const value = input[member];
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
  if (bytes.length < 1 || bytes.length > maxBytes) {
    throw new AwsError('ValidationException', `${member} must have 1 to ${maxBytes} bytes.`);
  }
  return bytes;
}
