import { equalInConstantTime, sha256 } from '../../support/crypto.ts';
import type { ClientKeys } from './oauth-client.ts';

/** A client that acts for itself, without a user (RFC 6749 §4.4). The operator adds it, by a setting or by the CLI. */
export type MachineClient = {
  id: string;
  name: string;
  /** The scopes of its tokens. */
  scopes: string[];
  /** For `private_key_jwt`. */
  keys?: ClientKeys;
  /** For `client_secret_basic` and `client_secret_post`: two of them during a replacement. */
  secrets?: StoredSecret[];
};

/** The SHA-256 digest of a secret. @property expiresAt epoch seconds; absent for the newest */
export type StoredSecret = { hash: string; expiresAt?: number };

/** Machine clients that the operator added by the CLI. Throws `ServiceUnavailableError` when the store does not respond. */
export interface MachineClientStore {
  findMachineClient(id: string): Promise<MachineClient | undefined>;
}

/** An id that the CLI creates: no setting and no registration creates one of this form. */
export const machineClientId = /^hmc_[A-Za-z0-9_-]{22}$/;

/** Scanners of sources find a secret by its prefix. */
export const SECRET_PREFIX = 'hms_';

/**
 * Whether it is a secret of the client. Only digests are compared, each of them, and in constant time.
 *
 * @param now epoch seconds
 */
export async function isSecretOf({ secrets = [] }: MachineClient, secret: string, now: number): Promise<boolean> {
  const presented = await sha256(secret);
  const matches = secrets.map(
    ({ hash, expiresAt = Number.POSITIVE_INFINITY }) => equalInConstantTime(hash, presented) && expiresAt > now,
  );
  return matches.includes(true);
}
