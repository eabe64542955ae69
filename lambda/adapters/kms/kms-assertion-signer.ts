import type { AssertionSigner } from '../../core/mcp/upstream/upstream-assertions.ts';
import type { KmsClient } from './kms-client.ts';
import { kmsSigner } from './kms-signer.ts';

/** Signs assertions with an `ECC_NIST_P256` key, whose thumbprint is its `kid` in the published key set (RFC 7638 §3). */
export function kmsAssertionSigner(kms: KmsClient, key: string): AssertionSigner {
  const { sign, publicKeys } = kmsSigner(kms, [key]);
  return { sign, keyId: async () => (await publicKeys())[0]!.kid! };
}
