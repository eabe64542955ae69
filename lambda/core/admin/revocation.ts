import { isLiveGrant } from '../access/grant.ts';
import type { Session } from '../sessions/session.ts';
import type { Directory } from './directory.ts';

/** Where access ends. Every method throws `Outage`, and then nothing has changed. */
export interface RevocationStore {
  /**
   * Ends the grant for good and forgets the identity provider's tokens.
   * @param now epoch seconds
   * @returns false when it has been revoked before, or is unknown
   */
  revokeGrant(id: string, now: number): Promise<boolean>;
  /**
   * Ends the session: its id is refused. A client that still has its grant may begin another.
   * @returns false when it has ended before, or is unknown
   */
  revokeSession(session: Pick<Session, 'grant' | 'id' | 'era'>, now: number): Promise<boolean>;
}

/** Ends every grant of a user. @returns how many there were */
export async function revokeAllOf(
  user: string,
  { directory, revocation }: { directory: Pick<Directory, 'grantsOf'>; revocation: RevocationStore },
  now: number,
): Promise<number> {
  let revoked = 0;
  let after: string | undefined;
  do {
    const page = await directory.grantsOf(user, { limit: 100, after });
    for (const grant of page.items) {
      if (isLiveGrant(grant, now) && (await revocation.revokeGrant(grant.id, now))) revoked++;
    }
    after = page.next;
  } while (after !== undefined);
  return revoked;
}
