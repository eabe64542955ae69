import {
  createPrivateKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
} from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type KeySpec = 'SYMMETRIC_DEFAULT' | 'ECC_NIST_P256';

export type StoredKey = {
  keyId: string;
  spec: KeySpec;
  /** Epoch milliseconds. */
  createdAt: number;
  /** 256 random bits, or the private key. */
  material: KeyObject;
};

/** As it is in the file: the material in base64, PKCS #8 for a private key. */
type Written = { keyId: string; spec: KeySpec; createdAt: number; material: string };

/** Key material by logical id, kept in `<folder>/kms.json` for nobody but the owner of the file. */
export class KeyRing {
  readonly #path: string | undefined;
  readonly #written: Record<string, Written>;

  /** @param folder created if missing; without it keys live as long as the process */
  constructor(folder: string | undefined) {
    if (folder !== undefined) mkdirSync(folder, { recursive: true });
    this.#path = folder === undefined ? undefined : join(folder, 'kms.json');
    this.#written = this.#path && existsSync(this.#path) ? JSON.parse(readFileSync(this.#path, 'utf8')) : {};
  }

  /**
   * The key with this logical id; a new one when there is none or its spec has changed, which CloudFormation would
   * replace too.
   *
   * @throws Error for a spec that is not supported
   */
  obtain(logicalId: string, spec: string): StoredKey {
    if (spec !== 'SYMMETRIC_DEFAULT' && spec !== 'ECC_NIST_P256') {
      throw new Error(`KeySpec ${spec} of ${logicalId} is not supported locally: SYMMETRIC_DEFAULT or ECC_NIST_P256`);
    }
    let written = this.#written[logicalId];
    if (written?.spec !== spec) {
      written = { keyId: randomUUID(), spec, createdAt: Date.now(), material: generate(spec).toString('base64') };
      this.#written[logicalId] = written;
      this.#save();
    }
    return { ...written, material: materialOf(spec, Buffer.from(written.material, 'base64')) };
  }

  #save(): void {
    if (this.#path === undefined) return;
    // Renamed into place, so that an interrupted write does not lose the keys that were there.
    const temporary = `${this.#path}.new`;
    writeFileSync(temporary, JSON.stringify(this.#written, undefined, 2), { mode: 0o600 });
    // The mode above holds for a new file only.
    chmodSync(temporary, 0o600);
    renameSync(temporary, this.#path);
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
