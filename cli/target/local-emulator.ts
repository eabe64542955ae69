import { resolve } from 'node:path';
import type { DeploymentMarker } from '../../lib/deployment-marker.ts';
import { DataFolder } from '../../local/data-folder.ts';

/** The data folder of the local emulator: HOLDFAST_DATA, or `.holdfast` in the working directory. */
export function localDataFolder(): string {
  const { HOLDFAST_DATA } = process.env;
  return resolve(HOLDFAST_DATA || '.holdfast');
}

/** Settings of an AWS SDK client that reaches a service of the emulator. */
export type LocalAccess = {
  region: string;
  endpoint: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
};

export type LocalEmulator = { marker: DeploymentMarker; dynamoDb: LocalAccess; kms: LocalAccess; lambda: LocalAccess };

/** @throws ConfigurationError when no emulator runs on the data folder */
export function locateLocalEmulator(): LocalEmulator {
  const { dynamoDb, kms, lambda, marker } = DataFolder.operatorAccessTo(localDataFolder());
  // The emulator does not verify signatures.
  const credentials = { accessKeyId: dynamoDb.accessKeyId, secretAccessKey: 'local' };
  const access = { region: 'us-east-1', credentials };
  return {
    marker,
    dynamoDb: { ...access, endpoint: dynamoDb.endpoint },
    kms: { ...access, endpoint: kms.endpoint },
    lambda: { ...access, endpoint: lambda.endpoint },
  };
}

export function isLocalEmulatorRunning(): boolean {
  try {
    DataFolder.operatorAccessTo(localDataFolder());
    return true;
  } catch {
    return false;
  }
}
