import type { Signer } from '../../core/oauth/tokens/facade-tokens.ts';
import type { KmsClient } from './kms-client.ts';
import { kmsPublicKeys } from './kms-public-keys.ts';
import { kmsSignature } from './kms-signature.ts';

/**
 * Signs with the first of the `ECC_NIST_P256` keys. The other keys are only published: the next signing key, and former
 * ones while their signatures are valid.
 *
 * @param publicKeys of the same keys
 */
export const kmsSigner = (
  kms: KmsClient,
  keyIds: readonly string[],
  publicKeys: Signer['publicKeys'] = kmsPublicKeys(kms, keyIds),
): Signer => ({
  sign: (data) => kmsSignature(kms, keyIds[0]!, data),
  publicKeys,
});
