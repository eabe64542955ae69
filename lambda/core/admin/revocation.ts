import { isLiveGrant } from '../access/grant.ts';
import type { Session } from '../sessions/session.ts';
import type { Directory } from './directory.ts';

/** Revocation. Every method throws `ServiceUnavailableError`; it can be repeated then. */
export interface RevocationStore {
  /**
   * Revokes the grant for good and deletes its upstream tokens.
   * @param now epoch seconds
   * @returns false when it was revoked before or is unknown
   */
  revokeGrant(id: string, now: number): Promise<boolean>;
  /**
   * Ends the session, whose id is rejected from now on. Its client may start another one under its grant.
   * @returns false when it had ended before or is unknown
   */
  revokeSession(session: Pick<Session, 'grant' | 'id' | 'era'>, now: number): Promise<boolean>;
}

/** Revokes every grant of a user. @returns how many were active */
export async function revokeGrantsOf(
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
