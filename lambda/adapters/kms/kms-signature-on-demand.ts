/** Signs with an `ECC_NIST_P256` key. It loads the client of KMS at its first use. */
export function kmsSignatureOnDemand(keyId: string): (data: Uint8Array) => Promise<Uint8Array> {
  let opened: Promise<(data: Uint8Array) => Promise<Uint8Array>> | undefined;
  const open = () => {
    opened ??= Promise.all([import('./kms-client.ts'), import('./kms-signature.ts')]).then(
      ([{ openKms }, { kmsSignature }]) => {
        const kms = openKms();
        return (data) => kmsSignature(kms, keyId, data);
      },
    );
    return opened;
  };
  return async (data) => (await open())(data);
}
