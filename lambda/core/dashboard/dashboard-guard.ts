import { sha256 } from '../support/crypto.ts';
import { type DashboardSessionStore, dashboardCookie } from './dashboard-session.ts';

/** A request that the dashboard refuses. The message goes to whoever asked. */
export class DashboardError extends Error {
  override readonly name = 'DashboardError';
  readonly code: DashboardRejection;

  constructor(code: DashboardRejection, message: string) {
    super(message);
    this.code = code;
  }
}

export type DashboardRejection = 'invalid_request' | 'signed_out' | 'forbidden' | 'not_found' | 'method_not_allowed';

export const statusOf: Record<DashboardRejection, number> = {
  invalid_request: 400,
  signed_out: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
};

/** Who is looking. */
export type Visitor = {
  user: string;
  /** In the group whose members see everyone. */
  isAdmin: boolean;
  sealedName?: string;
  cookieHash: string;
  /** What a request has to bring that changes something, and only the page can know. */
  csrf: string;
  expiresAt: number;
};

export type GuardDependencies = {
  dashboardSessions: DashboardSessionStore;
  publicUrl: string;
  adminsGroup: string;
  /** Epoch milliseconds. */
  now: () => number;
};

/**
 * Who a request is from. One that changes something must also come from the dashboard's own page: it names this origin,
 * which browsers do not let another site do, and brings what the page has been told (OWASP, cross-site request forgery
 * prevention: the cookie is SameSite=Strict as well).
 *
 * @throws DashboardError
 */
export async function visitorOf(
  request: Request,
  { dashboardSessions, publicUrl, adminsGroup, now }: GuardDependencies,
): Promise<Visitor> {
  const secret = dashboardCookie(publicUrl).read(request);
  const cookieHash = secret === undefined ? undefined : await sha256(secret);
  const visit = cookieHash && (await dashboardSessions.findDashboardSession(cookieHash));
  if (!secret || !cookieHash || !visit || visit.expiresAt * 1000 <= now()) {
    throw new DashboardError('signed_out', 'Sign in at /dashboard/sign-in');
  }
  const csrf = await sha256(`csrf\n${secret}`);
  if (request.method !== 'GET') refuseForeign(request, publicUrl, csrf);
  const { user, groups, sealedName, expiresAt } = visit;
  const isAdmin = groups.includes(adminsGroup);
  return { user, isAdmin, ...(sealedName && { sealedName }), cookieHash, csrf, expiresAt };
}

function refuseForeign({ headers }: Request, publicUrl: string, csrf: string): void {
  const site = headers.get('sec-fetch-site') ?? 'same-origin';
  const isOurs = headers.get('origin') === publicUrl && site === 'same-origin' && headers.get('x-csrf-token') === csrf;
  if (!isOurs) throw new DashboardError('forbidden', `The request was not sent by the dashboard of ${publicUrl}`);
}

/**
 * Whom the visitor is shown: owners whomever they ask for, or everyone; anybody else themselves, whatever they ask for.
 */
export const shownTo = ({ user, isAdmin }: Visitor, asked: string | undefined): string | undefined =>
  isAdmin ? asked : user;

/** What is another's is as if it were not there. @throws DashboardError */
export function mustBeShown<T extends { user: string }>({ user, isAdmin }: Visitor, found: T | undefined): T {
  if (found === undefined || (!isAdmin && found.user !== user)) {
    throw new DashboardError('not_found', 'There is nothing of that id');
  }
  return found;
}
