import type { KMSClient } from '@aws-sdk/client-kms';
import { kmsSigner } from '../../lambda/adapters/kms/kms-signer.ts';
import { kmsThumbprint } from '../../lambda/adapters/kms/kms-thumbprint.ts';

async function kmsWithNewKey(): Promise<KMSClient> {
  const { publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);
  const PublicKey = new Uint8Array(await crypto.subtle.exportKey('spki', publicKey));
  return { send: async () => ({ PublicKey }) } as unknown as KMSClient;
}

test('the kid of an assertion is that of its key in the published key set, and another one for another key', async () => {
  const [kms, other] = await Promise.all([kmsWithNewKey(), kmsWithNewKey()]);
  const [published] = await kmsSigner(kms, ['key']).publicKeys();
  expect(await kmsThumbprint(kms, 'key')).toBe(published!.kid);
  expect(await kmsThumbprint(other, 'key')).not.toBe(published!.kid);
});
