import type { Sealer } from '../../core/support/sealer.ts';

/**
 * A sealer for a function that seldom needs one: the client of the key service is loaded when there is something to seal
 * or to open, and not with the function.
 */
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
