import { ConfigurationError } from '../lib/settings/configuration-error.ts';
import type { DataFolder } from './data-folder.ts';
import { freePort, isFree } from './free-port.ts';

/** @param port 0 for any free port @throws ConfigurationError if the port is in use */
export async function assertGatewayPortFree(port: number): Promise<void> {
  if (port !== 0 && !(await isFree(port))) throw portInUse(port);
}

/** Checks a fixed port before the build. @throws ConfigurationError if the port is in use */
export async function assertIdentityProviderPortFree(data: DataFolder, requested: number | undefined): Promise<void> {
  const port = requested ?? data.identityProviderPort ?? 0;
  if (port !== 0) await chooseIdentityProviderPort(data, port, port);
}

/**
 * The identity provider keeps its port, because the port is part of the users' identities.
 *
 * @param requested 0 for any free port
 * @param preferred for the first start with a data folder
 * @throws ConfigurationError if the requested port or the port of an earlier start is in use
 */
export async function chooseIdentityProviderPort(
  data: DataFolder,
  requested: number | undefined,
  preferred: number,
): Promise<number> {
  const port = requested ?? data.identityProviderPort;
  if (port === undefined || port === 0) return (await isFree(preferred)) ? preferred : freePort();
  if (await isFree(port)) return port;
  throw new ConfigurationError(
    `The port ${port} is taken. The local identity provider used it before, and the users belong to that address: free the port, or delete all users and sessions with --fresh.`,
  );
}

export const portInUse = (port: number) =>
  new ConfigurationError(
    `The port ${port} is taken by another program. Choose another one with --port <number> or PORT=<number>.`,
  );
