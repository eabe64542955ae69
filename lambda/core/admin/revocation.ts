import { isLiveGrant } from '../access/grant.ts';
import type { Session } from '../sessions/session.ts';
import type { Directory } from './directory.ts';

/** Revocation. Every method throws `ServiceUnavailableError`; it can be repeated then. */
export interface RevocationStore {
  /**
   * Revokes the grant for good. Its upstream tokens are not usable any more, and due to be revoked at the provider
   * (`EndedTokenStore`).
   * @param now epoch seconds
   * @returns false when it was revoked before or is unknown
   */
  revokeGrant(id: string, now: number): Promise<boolean>;
  /**
   * Ends the session, whose id is rejected from now on. Its client may start another one under its grant.
   * @returns false when it had ended before or is unknown
   */
  revokeSession(session: Pick<Session, 'grant' | 'id' | 'era'>, now: number): Promise<boolean>;
  /** Ends the dashboard sessions of a user. @param kept digest of the cookie of a session that stays. @returns their number */
  endDashboardSessionsOf(user: string, kept?: string): Promise<number>;
}

/** How many credentials of a user were active. */
export type RevokedCredentials = { grants: number; dashboardSessions: number };

/**
 * Ends every credential of a user: grants, with their sessions and tasks, and dashboard sessions. There is no other way to
 * revoke a user.
 *
 * @param kept digest of the cookie of the dashboard session in which users revoke their own credentials
 */
export async function revokeUser(
  user: string,
  { directory, revocation }: { directory: Pick<Directory, 'grantsOf'>; revocation: RevocationStore },
  now: number,
  kept?: string,
): Promise<RevokedCredentials> {
  let grants = 0;
  let after: string | undefined;
  do {
    const page = await directory.grantsOf(user, { limit: 100, after });
    for (const grant of page.items) {
      // Also one that has expired: the provider still honours its upstream tokens.
      if (grant.status === 'revoked') continue;
      const hasChanged = await revocation.revokeGrant(grant.id, now);
      if (hasChanged && isLiveGrant(grant, now)) grants++;
    }
    after = page.next;
  } while (after !== undefined);
  return { grants, dashboardSessions: await revocation.endDashboardSessionsOf(user, kept) };
}
