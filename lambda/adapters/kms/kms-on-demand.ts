import type { Sealer } from '../../core/support/sealer.ts';

/** A sealer that loads the client of KMS at its first use, for functions that rarely seal. */
export function kmsSealerOnDemand(keyId: string, table: string): Sealer {
  let opened: Promise<Sealer> | undefined;
  const open = () => {
    opened ??= Promise.all([import('./kms-client.ts'), import('./kms-sealer.ts')]).then(
      ([{ openKms }, { kmsSealer }]) => kmsSealer(openKms(), keyId, table),
    );
    return opened;
  };
  return {
    prepare: async (context) => (await open()).prepare(context),
    unseal: async (sealed, context) => (await open()).unseal(sealed, context),
  };
}
