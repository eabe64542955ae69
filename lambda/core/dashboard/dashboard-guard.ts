import { sha256 } from '../support/crypto.ts';
import { type DashboardSession, type DashboardSessionStore, dashboardCookie } from './dashboard-session.ts';

/** A rejected request. The client reads the message. */
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

/** The user of a dashboard request. */
export type Visitor = {
  user: string;
  /** Member of the group that sees all users. */
  isAdmin: boolean;
  sealedName?: string;
  cookieHash: string;
  /** Token that every changing request has to contain; only the page can read it. */
  csrf: string;
  expiresAt: number;
};

export type GuardDependencies = {
  dashboardSessions: Pick<DashboardSessionStore, 'findDashboardSession'>;
  publicUrl: string;
  /** Epoch milliseconds. */
  now: () => number;
};

/** The dashboard session of a request. */
export type SignedInRequest = { session: DashboardSession } & Pick<Visitor, 'cookieHash' | 'csrf'>;

/**
 * The dashboard session of a request. A changing request must also come from the dashboard's page: it has this origin,
 * which browsers set, and the CSRF token (OWASP, cross-site request forgery prevention; the cookie is SameSite=Strict as
 * well).
 *
 * @throws DashboardError
 */
export async function signedInRequest(
  request: Request,
  { dashboardSessions, publicUrl, now }: GuardDependencies,
): Promise<SignedInRequest> {
  const secret = dashboardCookie(publicUrl).read(request);
  const cookieHash = secret === undefined ? undefined : await sha256(secret);
  const session = cookieHash && (await dashboardSessions.findDashboardSession(cookieHash));
  if (!secret || !cookieHash || !session || session.expiresAt * 1000 <= now()) {
    throw new DashboardError('signed_out', 'Sign in at /dashboard/sign-in');
  }
  const csrf = await sha256(`csrf\n${secret}`);
  if (request.method !== 'GET') rejectForeignRequest(request, publicUrl, csrf);
  return { session, cookieHash, csrf };
}

/** The user of a request. @throws DashboardError as `signedInRequest` does */
export async function visitorOf(
  request: Request,
  { adminsGroup, ...dependencies }: GuardDependencies & { adminsGroup: string },
): Promise<Visitor> {
  const { session, cookieHash, csrf } = await signedInRequest(request, dependencies);
  const { user, groups, sealedName, expiresAt } = session;
  const isAdmin = groups.includes(adminsGroup);
  return { user, isAdmin, ...(sealedName && { sealedName }), cookieHash, csrf, expiresAt };
}

function rejectForeignRequest({ headers }: Request, publicUrl: string, csrf: string): void {
  const site = headers.get('sec-fetch-site') ?? 'same-origin';
  const isFromPage =
    headers.get('origin') === publicUrl && site === 'same-origin' && headers.get('x-csrf-token') === csrf;
  if (!isFromPage) throw new DashboardError('forbidden', `The request must come from the dashboard at ${publicUrl}`);
}

/** The user whose data the visitor may see: for admins the requested one, or all; for others themselves. */
export const visibleUser = ({ user, isAdmin }: Visitor, requested: string | undefined): string | undefined =>
  isAdmin ? requested : user;

/** Another user's item behaves as an unknown one. @throws DashboardError */
export function requireVisible<T extends { user: string }>({ user, isAdmin }: Visitor, found: T | undefined): T {
  if (found === undefined || (!isAdmin && found.user !== user)) {
    throw new DashboardError('not_found', 'Unknown id');
  }
  return found;
}
