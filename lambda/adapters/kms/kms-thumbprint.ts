import { GetPublicKeyCommand, type KMSClient } from '@aws-sdk/client-kms';
import { sha256 } from '../../core/support/crypto.ts';
import { callKms } from './kms-client.ts';

/** The thumbprint of an `ECC_NIST_P256` key (RFC 7638 §3), which is its `kid` in the published key set. */
export async function kmsThumbprint(kms: KMSClient, keyId: string): Promise<string> {
  const { PublicKey } = await callKms(kms.send(new GetPublicKeyCommand({ KeyId: keyId })));
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const key = await crypto.subtle.importKey('spki', new Uint8Array(PublicKey!), algorithm, true, ['verify']);
  const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', key);
  return sha256(JSON.stringify({ crv, kty, x, y }));
}
