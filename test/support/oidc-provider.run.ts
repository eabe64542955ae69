/**
 * The identity provider in a process of its own, because oidc-provider is ESM alone and jest runs CommonJS. Speaks with
 * its parent over IPC: options in, `{ issuer }` or `{ error }` out, then `{ fail }` and `{ disable }`, each acknowledged.
 */
import { type OidcProvider, type OidcProviderOptions, startOidcProvider } from '../../local/cognito/oidc-provider.ts';

type Command = { start?: OidcProviderOptions; fail?: boolean; disable?: string };

let provider: OidcProvider | undefined;

process.on('message', async ({ start, fail, disable }: Command) => {
  if (start !== undefined) {
    try {
      provider = await startOidcProvider(start);
      process.send!({ issuer: provider.issuer });
    } catch (error) {
      process.send!({ error: (error as NodeJS.ErrnoException).code });
    }
    return;
  }
  if (fail !== undefined) provider!.fail(fail);
  if (disable !== undefined) provider!.disable(disable);
  process.send!({});
});
