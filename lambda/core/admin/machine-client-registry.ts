import { type MachineClient, SECRET_PREFIX, type StoredSecret } from '../oauth/clients/machine-client.ts';
import { randomId, randomToken, sha256 } from '../support/crypto.ts';

/** A machine client in the table. @property createdAt epoch seconds */
export type RegisteredMachineClient = MachineClient & { createdAt: number };

/** The machine clients of the table, for the operator. Every method throws `ServiceUnavailableError`. */
export interface MachineClientRegistry {
  /** In the order in which they were added. */
  list(): Promise<RegisteredMachineClient[]>;
  add(client: RegisteredMachineClient): Promise<void>;
  /** @returns false for an unknown client */
  replaceSecrets(id: string, secrets: StoredSecret[]): Promise<boolean>;
  remove(id: string): Promise<void>;
}

/** A secret for the operator to copy once, and what is stored of it: 256 random bits need no slow digest. */
export async function createSecret(): Promise<{ secret: string; stored: StoredSecret }> {
  const secret = `${SECRET_PREFIX}${randomToken()}`;
  return { secret, stored: { hash: await sha256(secret) } };
}

export const createMachineClientId = (): string => `hmc_${randomId()}`;

/**
 * The secrets after a replacement: the new one, and the newest of those before until the end of the overlap.
 *
 * @param now epoch seconds
 */
export function replacedSecrets(
  before: readonly StoredSecret[],
  added: StoredSecret,
  now: number,
  overlapSeconds: number,
): StoredSecret[] {
  const newest = before.find(({ expiresAt }) => expiresAt === undefined);
  if (!newest || overlapSeconds === 0) return [added];
  return [added, { hash: newest.hash, expiresAt: now + overlapSeconds }];
}
