import { type Cookie, hostCookie } from '../support/cookie.ts';

/** A user is signed in at the dashboard, in one browser. Times are epoch seconds. */
export type DashboardSession = {
  user: string;
  /** Groups that the identity provider put the user in at this sign-in. */
  groups: string[];
  /** As `User.sealedName`. */
  sealedName?: string;
  expiresAt: number;
};

/** Where dashboardSessions are, each under the digest of the cookie that the browser holds. Every method throws `Outage`. */
export interface DashboardSessionStore {
  findDashboardSession(cookieHash: string): Promise<DashboardSession | undefined>;
  endDashboardSession(cookieHash: string): Promise<void>;
}

/** Where they begin: of the OAuth function, which signs users in. */
export interface DashboardSessionStarter {
  /** Writes the visit, and that its user has signed in: both or neither. */
  startDashboardSession(cookieHash: string, visit: DashboardSession, now: number): Promise<void>;
}

/** Then the user signs in again, and the provider says anew which groups the user is in. */
export const DASHBOARD_SESSION_SECONDS = 8 * 3600;

/** No other site's link or form sends it. The page itself is the same for everybody and does without. */
export const dashboardCookie = (publicUrl: string): Cookie => hostCookie('dashboard', publicUrl, 'Strict');
