import {
  createPrivateKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
} from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { syncFolderSync } from '../folder-sync.ts';

export type KeySpec = 'SYMMETRIC_DEFAULT' | 'ECC_NIST_P256';

export type StoredKey = {
  keyId: string;
  spec: KeySpec;
  /** Epoch milliseconds. */
  createdAt: number;
  /** 256 random bits, or the private key. */
  material: KeyObject;
};

/** The format of the file: the material in base64, PKCS #8 for a private key. */
type KeyRecord = { keyId: string; spec: KeySpec; createdAt: number; material: string };

/** Key material by logical id, stored in `<folder>/kms.json`, which only the owner of the file can read. */
export class KeyRing {
  readonly #path: string | undefined;
  readonly #records: Record<string, KeyRecord>;

  /** @param folder created if missing; without it keys live as long as the process */
  constructor(folder: string | undefined) {
    if (folder !== undefined) mkdirSync(folder, { recursive: true });
    this.#path = folder === undefined ? undefined : join(folder, 'kms.json');
    this.#records = this.#path && existsSync(this.#path) ? JSON.parse(readFileSync(this.#path, 'utf8')) : {};
  }

  /**
   * The key with this logical id. Creates it if it does not exist or its spec has changed, as CloudFormation replaces it.
   *
   * @throws Error for an unsupported spec
   */
  obtain(logicalId: string, spec: string): StoredKey {
    if (spec !== 'SYMMETRIC_DEFAULT' && spec !== 'ECC_NIST_P256') {
      throw new Error(
        `KeySpec ${spec} of ${logicalId} is not supported by the local emulator: SYMMETRIC_DEFAULT or ECC_NIST_P256`,
      );
    }
    let record = this.#records[logicalId];
    if (record?.spec !== spec) {
      record = { keyId: randomUUID(), spec, createdAt: Date.now(), material: generate(spec).toString('base64') };
      this.#records[logicalId] = record;
      this.#save();
    }
    return { ...record, material: materialOf(spec, Buffer.from(record.material, 'base64')) };
  }

  #save(): void {
    if (this.#path === undefined) return;
    // Renamed into place, so that an interrupted write does not lose existing keys. On disk before the key encrypts: data
    // without its key would be lost.
    const temporary = `${this.#path}.new`;
    writeFileSync(temporary, JSON.stringify(this.#records, undefined, 2), { mode: 0o600, flush: true });
    // The mode above applies to a new file only.
    chmodSync(temporary, 0o600);
    renameSync(temporary, this.#path);
    syncFolderSync(dirname(this.#path));
  }
}

function generate(spec: KeySpec): Buffer {
  if (spec === 'SYMMETRIC_DEFAULT') return randomBytes(32);
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'der' });
}

function materialOf(spec: KeySpec, bytes: Buffer): KeyObject {
  if (spec === 'SYMMETRIC_DEFAULT') return createSecretKey(bytes);
  return createPrivateKey({ key: bytes, type: 'pkcs8', format: 'der' });
}
