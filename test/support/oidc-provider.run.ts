/**
 * Runs identity providers in a child process, because oidc-provider is an ES module and jest runs CommonJS. Commands and
 * responses are IPC messages: `start` is answered with `{ issuer }` or `{ error }`, all others with `{}`.
 */
import { type OidcProvider, type OidcProviderOptions, startOidcProvider } from '../../local/cognito/oidc-provider.ts';

export type ProviderCommand =
  | { start: OidcProviderOptions }
  | { issuer: string; fail: boolean }
  | { issuer: string; disable: string }
  | { issuer: string; stop: true };

const providers = new Map<string, OidcProvider>();

process.on('message', async (command: ProviderCommand) => process.send!(await run(command)));

async function run(command: ProviderCommand): Promise<object> {
  if ('start' in command) return start(command.start);
  const provider = providers.get(command.issuer)!;
  if ('fail' in command) provider.fail(command.fail);
  else if ('disable' in command) provider.disable(command.disable);
  else await provider.close();
  return {};
}

async function start(options: OidcProviderOptions): Promise<object> {
  try {
    const provider = await startOidcProvider(options);
    providers.set(provider.issuer, provider);
    return { issuer: provider.issuer };
  } catch (error) {
    return { error: (error as NodeJS.ErrnoException).code };
  }
}
