import type { AssertionSigner } from '../../core/mcp/upstream/upstream-assertions.ts';

/** Signs assertions with an `ECC_NIST_P256` key. It loads the client of KMS at its first use. */
export function kmsAssertionSigner(key: string): AssertionSigner {
  let opened: Promise<AssertionSigner> | undefined;
  let thumbprint: Promise<string> | undefined;
  const open = () => {
    opened ??= Promise.all([
      import('./kms-client.ts'),
      import('./kms-signature.ts'),
      import('./kms-thumbprint.ts'),
    ]).then(([{ openKms }, { kmsSignature }, { kmsThumbprint }]) => {
      const kms = openKms();
      return { sign: (data) => kmsSignature(kms, key, data), keyId: () => kmsThumbprint(kms, key) };
    });
    return opened;
  };
  return {
    sign: async (data) => (await open()).sign(data),
    keyId() {
      thumbprint ??= open()
        .then(({ keyId }) => keyId())
        .catch((error) => {
          thumbprint = undefined;
          throw error;
        });
      return thumbprint;
    },
  };
}
