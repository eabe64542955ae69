import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { DeploymentMarker } from '../../lib/deployment-marker.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { DataFolder, type OperatorAccess } from '../../local/data-folder.ts';
import { startCommand } from '../../local/start-command.ts';

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

/**
 * Names the folder of the emulator that runs with `--in-memory` in place of the data folder, which does not exist then. In the
 * project, so that no other user of the computer can write it.
 */
function inMemoryFile(): string {
  const hash = createHash('sha256').update(localDataFolder()).digest('hex').slice(0, 16);
  return join(resolve('node_modules/.cache/holdfast'), `in-memory-${hash}`);
}

/** Lets the commands with `--local` find the emulator of a temporary folder. @returns ends that */
export function announceInMemory(folder: string): () => void {
  const file = inMemoryFile();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, folder);
  return () => {
    // Another emulator may have been started since.
    if (existsSync(file) && readFileSync(file, 'utf8') === folder) rmSync(file);
  };
}

/** The access to the emulator on the data folder, or else to one in memory. */
function operatorAccess(): OperatorAccess | undefined {
  const file = inMemoryFile();
  return (
    DataFolder.operatorAccessTo(localDataFolder()) ??
    (existsSync(file) ? DataFolder.operatorAccessTo(readFileSync(file, 'utf8')) : undefined)
  );
}

/** @throws ConfigurationError when no emulator runs in the project */
export function locateLocalEmulator(): LocalEmulator {
  const found = operatorAccess();
  if (found === undefined) {
    throw new ConfigurationError(
      `No local emulator runs on the data folder ${localDataFolder()}. Start one with ${startCommand()}; HOLDFAST_DATA=<folder> chooses another folder.`,
    );
  }
  const { dynamoDb, kms, lambda, marker } = found;
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

export const isLocalEmulatorRunning = (): boolean => operatorAccess() !== undefined;
