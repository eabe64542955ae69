import { type Cookie, hostCookie } from '../support/cookie.ts';

/** A user is signed in at the dashboard, in one browser. Times are epoch seconds. */
export type Visit = {
  user: string;
  /** Groups that the identity provider put the user in at this sign-in. */
  groups: string[];
  /** As `User.sealedName`. */
  sealedName?: string;
  expiresAt: number;
};

/** Where visits are, each under the digest of the cookie that the browser holds. Every method throws `Outage`. */
export interface VisitStore {
  findVisit(cookieHash: string): Promise<Visit | undefined>;
  endVisit(cookieHash: string): Promise<void>;
}

/** Where they begin: of the OAuth function, which signs users in. */
export interface VisitStarter {
  /** Writes the visit, and that its user has signed in: both or neither. */
  startVisit(cookieHash: string, visit: Visit, now: number): Promise<void>;
}

/** Then the user signs in again, and the provider says anew which groups the user is in. */
export const VISIT_SECONDS = 8 * 3600;

/** No other site's link or form sends it. The page itself is the same for everybody and does without. */
export const visitCookie = (publicUrl: string): Cookie => hostCookie('dashboard', publicUrl, 'Strict');
