import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError } from '../lib/settings/configuration-error.ts';

/** What is forgotten on request. `secrets.json` is not among them: its owner wrote it by hand. */
const forgettable = ['dynamodb', 'kms.json', 'identity-provider.json', 'ports.json'];

/** How long a process may take to end. */
const ENDING_MS = 3000;

/** How the owner of a running cloud reaches its table, past the functions: on AWS, with the credentials of the account. */
export type OwnerAccess = {
  dynamoDb: { endpoint: string; accessKeyId: string };
  kms: { endpoint: string };
  /** The stack's, with local addresses. */
  outputs: Record<string, string>;
  table: string;
  /** Of the local identity provider; absent when the users are at one of the owner's. */
  issuer?: string;
};

/** The folder in which the local emulator keeps everything, claimed by one process at a time. */
export class DataFolder {
  readonly path: string;
  readonly #lock: string;

  private constructor(path: string) {
    this.path = path;
    this.#lock = lockFile(path);
  }

  /**
   * @param fresh forgets tables, keys, tokens and ports, so that every client has to sign in again
   * @throws Mistake when the folder cannot be written, or another process has it and does not end
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
        `The data folder ${path} cannot be written (${message}). HOLDFAST_DATA=<folder> chooses another.`,
        { cause: error },
      );
    }
    if (fresh) for (const name of forgettable) rmSync(join(path, name), { recursive: true, force: true });
    // Built anew at each start; without this every build of the past would stay.
    rmSync(folder.assembly, { recursive: true, force: true });
    return folder;
  }

  /** Where the CDK app writes to. */
  get assembly(): string {
    return join(this.path, 'cdk.out');
  }

  /** The identity provider's port, part of the issuer and so of who the users are: chosen once. */
  get identityProviderPort(): number | undefined {
    const file = join(this.path, 'ports.json');
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).identityProvider : undefined;
  }

  set identityProviderPort(port: number | undefined) {
    writeFileSync(join(this.path, 'ports.json'), JSON.stringify({ identityProvider: port }));
  }

  /** Lets the owner in. Whoever can read the folder can read the whole table in it as well. */
  set ownerAccess(access: OwnerAccess) {
    writeFileSync(ownerFile(this.path), JSON.stringify(access), { mode: 0o600 });
  }

  /**
   * How to reach the cloud that runs on a folder.
   *
   * @throws Mistake when none does
   */
  static ownerAccessTo(path: string): OwnerAccess {
    const [lock, file] = [lockFile(path), ownerFile(path)];
    if (!existsSync(file) || !existsSync(lock) || !isRunning(Number(readFileSync(lock, 'utf8')))) {
      throw new ConfigurationError(
        `No cloud runs on the data folder ${path}. Start it with npm start; HOLDFAST_DATA=<folder> chooses another.`,
      );
    }
    return JSON.parse(readFileSync(file, 'utf8'));
  }

  /** Lets another process have it. */
  release(): void {
    rmSync(ownerFile(this.path), { force: true });
    rmSync(this.#lock, { force: true });
  }

  /**
   * A file with the number of the process. One that was left behind by a process that was killed counts for nothing, and
   * one that is just ending, as at a restart, is given the time for it.
   */
  async #claim(): Promise<void> {
    const holder = existsSync(this.#lock) ? Number(readFileSync(this.#lock, 'utf8')) : undefined;
    const inTheWay = () =>
      holder !== undefined && holder !== process.pid && existsSync(this.#lock) && isRunning(holder);
    for (let waited = 0; inTheWay() && waited < ENDING_MS; waited += 100) await sleep(100);
    if (inTheWay()) {
      throw new ConfigurationError(
        `Process ${holder} is using the data folder ${this.path} already. Stop it, or choose another folder with HOLDFAST_DATA=<folder>. (If that process is not Holdfast, delete ${this.#lock}.)`,
      );
    }
    rmSync(ownerFile(this.path), { force: true });
    rmSync(this.#lock, { force: true });
    writeFileSync(this.#lock, String(process.pid), { flag: 'wx' });
  }
}

const lockFile = (path: string) => join(path, 'lock');
const ownerFile = (path: string) => join(path, 'owner.json');

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It runs, as somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
