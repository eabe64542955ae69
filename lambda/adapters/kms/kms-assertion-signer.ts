import type { AssertionSigner } from '../../core/mcp/upstream/upstream-assertions.ts';
import type { KmsClient } from './kms-client.ts';
import { kmsPublicKeys } from './kms-public-keys.ts';
import { kmsSigner } from './kms-signer.ts';

/** Signs assertions with an `ECC_NIST_P256` key, whose thumbprint is its `kid` in the published key set (RFC 7638 §3). */
export function kmsAssertionSigner(kms: KmsClient, key: string): AssertionSigner {
  const publicKeys = kmsPublicKeys(kms, [key]);
  return { ...kmsSigner(kms, key), keyId: async () => (await publicKeys())[0]!.kid };
}
