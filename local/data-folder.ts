import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeploymentMarker } from '../lib/deployment-marker.ts';
import { ConfigurationError } from '../lib/settings/configuration-error.ts';

/** The entries that `fresh` deletes. */
const deletedWhenFresh = ['dynamodb', 'events', 'kms.json', 'identity-provider.json', 'ports.json'];

/** How long to wait for a process that is ending. */
const ENDING_MS = 3000;

/** The operator's direct access to the services of a running emulator; on AWS it needs the account's credentials. */
export type OperatorAccess = {
  dynamoDb: { endpoint: string; accessKeyId: string };
  kms: { endpoint: string };
  lambda: { endpoint: string };
  /** With local addresses. */
  marker: DeploymentMarker;
};

/** The folder that stores the emulator's data, used by one process at a time. */
export class DataFolder {
  readonly path: string;
  readonly #lock: string;

  private constructor(path: string) {
    this.path = path;
    this.#lock = lockFile(path);
  }

  /**
   * @param fresh deletes tables, keys, tokens and ports, so that every client must sign in again
   * @throws ConfigurationError if the folder is not writable, or another process uses it and does not end
   */
  static async claim(path: string, fresh: boolean): Promise<DataFolder> {
    const folder = new DataFolder(path);
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      await folder.#claim();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      throw new ConfigurationError(
        `The data folder ${path} cannot be written (${message}). Choose another one with HOLDFAST_DATA=<folder>.`,
        { cause: error },
      );
    }
    if (fresh) for (const name of deletedWhenFresh) rmSync(join(path, name), { recursive: true, force: true });
    // Each start synthesizes the assembly again, and assets of earlier starts would accumulate.
    rmSync(folder.assembly, { recursive: true, force: true });
    return folder;
  }

  /** The output folder of the CDK app. */
  get assembly(): string {
    return join(this.path, 'cdk.out');
  }

  /** The identity provider's port: part of the issuer and so of the users' identities, so it never changes. */
  get identityProviderPort(): number | undefined {
    const file = join(this.path, 'ports.json');
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).identityProvider : undefined;
  }

  set identityProviderPort(port: number | undefined) {
    writeFileSync(join(this.path, 'ports.json'), JSON.stringify({ identityProvider: port }));
  }

  /** A reader of the folder can read the table's files too, so the stored access grants nothing more. */
  set operatorAccess(access: OperatorAccess) {
    writeFileSync(operatorFile(this.path), JSON.stringify(access), { mode: 0o600 });
  }

  /** The access to the emulator that runs on a data folder. @returns undefined if none runs */
  static operatorAccessTo(path: string): OperatorAccess | undefined {
    const [lock, file] = [lockFile(path), operatorFile(path)];
    if (!existsSync(file) || !existsSync(lock) || !isRunning(Number(readFileSync(lock, 'utf8')))) return undefined;
    return JSON.parse(readFileSync(file, 'utf8'));
  }

  /** Releases the folder for other processes. */
  release(): void {
    rmSync(operatorFile(this.path), { force: true });
    rmSync(this.#lock, { force: true });
  }

  /** Writes the lock, a file with the process id. Ignores the lock of a killed process, and waits for one that is ending. */
  async #claim(): Promise<void> {
    const holder = existsSync(this.#lock) ? Number(readFileSync(this.#lock, 'utf8')) : undefined;
    const isHeld = () => holder !== undefined && holder !== process.pid && existsSync(this.#lock) && isRunning(holder);
    for (let waited = 0; isHeld() && waited < ENDING_MS; waited += 100) await sleep(100);
    if (isHeld()) {
      throw new ConfigurationError(
        `Process ${holder} is using the data folder ${this.path}. Stop it, or choose another folder with HOLDFAST_DATA=<folder>. (If that process is not Holdfast, delete ${this.#lock}.)`,
      );
    }
    rmSync(operatorFile(this.path), { force: true });
    rmSync(this.#lock, { force: true });
    writeFileSync(this.#lock, String(process.pid), { flag: 'wx' });
  }
}

const lockFile = (path: string) => join(path, 'lock');
const operatorFile = (path: string) => join(path, 'operator.json');

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // The process runs under another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
