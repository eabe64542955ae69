import { type Cookie, hostCookie } from '../support/cookie.ts';

/** The sign-in of a user at the dashboard in one browser. Times are epoch seconds. */
export type DashboardSession = {
  user: string;
  /** `iss` and `sub` at the identity provider; absent in sessions that earlier versions began. */
  issuer?: string;
  subject?: string;
  /** The user's groups at the identity provider at the time of the sign-in. */
  groups: string[];
  /** As `User.sealedName`. */
  sealedName?: string;
  expiresAt: number;
};

/** Dashboard sessions by the digest of their cookie. Every method throws `ServiceUnavailableError`. */
export interface DashboardSessionStore {
  findDashboardSession(cookieHash: string): Promise<DashboardSession | undefined>;
  endDashboardSession(cookieHash: string): Promise<void>;
}

/** Start of dashboard sessions, apart from the store: the OAuth function signs users in. */
export interface DashboardSessionStarter {
  /**
   * Writes the dashboard session and its user's sign-in time, and completes the sign-in: all or none.
   * @param stateHash of the sign-in; absent for one that no sign-in gave
   * @returns false when the sign-in is unknown, expired or completed by another request
   */
  startDashboardSession(
    cookieHash: string,
    session: DashboardSession,
    now: number,
    stateHash?: string,
  ): Promise<boolean>;
}

/**
 * The groups of a session are those of its sign-in, so that a dismissed admin loses the view within an hour. A user who is
 * still signed in at the identity provider is redirected there and back.
 */
export const DASHBOARD_SESSION_SECONDS = 3600;

/** `Strict`: no link or form of another site sends it. The page itself needs no cookie. */
export const dashboardCookie = (publicUrl: string): Cookie => hostCookie('dashboard', publicUrl, 'Strict');
