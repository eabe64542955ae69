import type { Signer } from '../../core/oauth/tokens/facade-tokens.ts';
import type { KmsClient } from './kms-client.ts';
import { kmsSignature } from './kms-signature.ts';

/** Signs with an `ECC_NIST_P256` key. */
export const kmsSigner = (kms: KmsClient, keyId: string): Signer => ({
  sign: (data) => kmsSignature(kms, keyId, data),
});
