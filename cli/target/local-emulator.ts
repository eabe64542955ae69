import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
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

export type LocalEmulator = {
  table: string;
  dynamoDb: LocalAccess;
  kms: LocalAccess;
  /** Of the local identity provider; absent when the users are at an external one. */
  issuer: string | undefined;
  /** The synthesized template as JSON. */
  template: string | undefined;
};

/** @throws ConfigurationError when no emulator runs on the data folder */
export function locateLocalEmulator(): LocalEmulator {
  const folder = localDataFolder();
  const { dynamoDb, kms, table, issuer } = DataFolder.operatorAccessTo(folder);
  // The emulator does not verify signatures.
  const credentials = { accessKeyId: dynamoDb.accessKeyId, secretAccessKey: 'local' };
  const access = { region: 'us-east-1', credentials };
  const [template] = globSync(join(folder, 'cdk.out', '*.template.json'));
  return {
    table,
    dynamoDb: { ...access, endpoint: dynamoDb.endpoint },
    kms: { ...access, endpoint: kms.endpoint },
    issuer,
    template: template === undefined ? undefined : readFileSync(template, 'utf8'),
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
