import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { calculateJwkThumbprint, exportJWK, importSPKI, type JWK } from 'jose';
import type { Signer } from '../../core/oauth/tokens/facade-tokens.ts';
import { callKms } from './kms-client.ts';

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
    async sign(data) {
      const { Signature } = await callKms(
        kms.send(
          new SignCommand({ KeyId: keyIds[0], Message: data, MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' }),
        ),
      );
      return rawSignature(Signature!);
    },
    publicKeys() {
      published ??= Promise.all(keyIds.map(fetchKey)).catch((error) => {
        published = undefined;
        throw error;
      });
      return published;
    },
  };
}

/** From KMS's `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 §2.2.3) to the r and s of JWS, 32 bytes each. */
function rawSignature(der: Uint8Array): Uint8Array {
  const raw = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1]!;
    const integer = der.subarray(at + 2, at + 2 + length);
    const magnitude = integer[0] === 0 ? integer.subarray(1) : integer;
    raw.set(magnitude, end - magnitude.length);
    at += 2 + length;
  }
  return raw;
}
