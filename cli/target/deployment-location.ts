import type { DeploymentMarker } from '../../lib/deployment-marker.ts';
import { findDeployment } from './deployed-stack.ts';
import { type LocalAccess, locateLocalEmulator } from './local-emulator.ts';

/** The options that select a deployment. Commander rejects `--local` with one of the others. */
export type DeploymentSelection = { local?: boolean; stack?: string; region?: string };

export type DeploymentLocation = {
  marker: DeploymentMarker;
  /** Settings of the AWS SDK clients, beside those that the SDK finds by itself. */
  dynamoDb: Partial<LocalAccess>;
  kms: Partial<LocalAccess>;
  lambda: Partial<LocalAccess>;
};

/**
 * @throws ConfigurationError when it does not exist
 * @throws UsageError when several deployments match
 */
export async function locateDeployment({ local, stack, region }: DeploymentSelection): Promise<DeploymentLocation> {
  if (local) return locateLocalEmulator();
  const access = region === undefined ? {} : { region };
  return { marker: await findDeployment(stack, region), dynamoDb: access, kms: access, lambda: access };
}
