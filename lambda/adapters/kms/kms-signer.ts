import { GetPublicKeyCommand, type KMSClient } from '@aws-sdk/client-kms';
import { calculateJwkThumbprint, exportJWK, importSPKI, type JWK } from 'jose';
import type { Signer } from '../../core/oauth/tokens/facade-tokens.ts';
import { callKms } from './kms-client.ts';
import { kmsSignature } from './kms-signature.ts';

/**
 * Signs with the first of the `ECC_NIST_P256` keys. The other keys are only published: the next signing key, and former
 * ones while their signatures are valid.
 */
export function kmsSigner(kms: KMSClient, keyIds: readonly string[]): Signer {
  let published: Promise<JWK[]> | undefined;

  async function fetchKey(keyId: string): Promise<JWK> {
    const { PublicKey } = await callKms(kms.send(new GetPublicKeyCommand({ KeyId: keyId })));
    const pem = `-----BEGIN PUBLIC KEY-----\n${Buffer.from(PublicKey!).toString('base64')}\n-----END PUBLIC KEY-----`;
    const jwk = await exportJWK(await importSPKI(pem, 'ES256', { extractable: true }));
    return { ...jwk, alg: 'ES256', use: 'sig', kid: await calculateJwkThumbprint(jwk) };
  }

  return {
    sign: (data) => kmsSignature(kms, keyIds[0]!, data),
    publicKeys() {
      published ??= Promise.all(keyIds.map(fetchKey)).catch((error) => {
        published = undefined;
        throw error;
      });
      return published;
    },
  };
}
