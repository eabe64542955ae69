import { createHash, createPublicKey } from 'node:crypto';
import { settleAll } from '../../core/support/settle-all.ts';
import type { PublicKey } from '../../shared/jwk-members.ts';
import { bytesOf, type KmsClient } from './kms-client.ts';

/**
 * The public keys of `ECC_NIST_P256` keys, requested once.
 *
 * @returns a function that throws `ServiceUnavailableError` when KMS does not respond
 */
export function kmsPublicKeys(kms: KmsClient, keyIds: readonly string[]): () => Promise<PublicKey[]> {
  let published: Promise<PublicKey[]> | undefined;
  const readKey = async (KeyId: string) => publicJwk(bytesOf((await kms('GetPublicKey', { KeyId })).PublicKey));
  return () => {
    published ??= settleAll(keyIds.map(readKey)).catch((error) => {
      published = undefined;
      throw error;
    });
    return published;
  };
}

/** With its thumbprint as its id (RFC 7638 §3: the required members in lexicographic order). */
function publicJwk(spki: Uint8Array): PublicKey {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  const { crv, kty, x, y } = key.export({ format: 'jwk' });
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  return { kty: kty!, x: x!, y: y!, crv: crv!, alg: 'ES256', use: 'sig', kid };
}
