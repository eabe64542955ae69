import { userKey } from '../../access/user-key.ts';
import { DASHBOARD_SESSION_SECONDS, dashboardCookie } from '../../dashboard/dashboard-session.ts';
import { randomToken, sha256 } from '../../support/crypto.ts';
import { type DashboardRequest, PENDING_SECONDS } from '../authorization-flow.ts';
import type { Facade } from '../facade.ts';
import { browserCookie, clearOldest } from '../pages/oauth-cookies.ts';
import { ShownError } from '../shown-error.ts';

const DASHBOARD = '/dashboard';
const LONGEST_TARGET = 2048;

/**
 * `GET /dashboard/sign-in`: to the identity provider, and back by the same callback as everything else. There is nothing
 * to consent to, since the dashboard is this server's own and gets no grant; the answer counts only in this browser.
 */
export async function signInAtDashboard(facade: Facade, request: Request): Promise<Response> {
  const { flows, upstreamProvider, now, rules } = facade;
  const secrets = { state: randomToken(), nonce: randomToken(), verifier: randomToken() };
  const signInUrl = await upstreamProvider.signInUrl(secrets);
  const stateHash = await sha256(secrets.state);
  const browser = randomToken();
  const { nonce, verifier } = secrets;
  await flows.putSignIn(stateHash, {
    dashboard: targetOf(request),
    nonce,
    verifier,
    browser: await sha256(browser),
    expiresAt: now() + PENDING_SECONDS,
  });
  const cookie = browserCookie('sign-in', stateHash, rules.publicUrl);
  const headers = new Headers({ Location: signInUrl, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
  for (const cleared of clearOldest(request, rules.publicUrl)) headers.append('Set-Cookie', cleared);
  headers.append('Set-Cookie', cookie.set(browser, PENDING_SECONDS));
  return new Response(null, { status: 303, headers });
}

/** Where the page was when it asked for a sign-in; never anything but the page. @throws ShownRefusal */
function targetOf(request: Request): string {
  const here = new URL(request.url);
  const to = here.searchParams.get('to') ?? DASHBOARD;
  const url = URL.parse(to, here.origin);
  if (url?.origin !== here.origin || url.pathname !== DASHBOARD || to.length > LONGEST_TARGET) {
    throw new ShownError('invalid_request', 'malformed', 'to is no address of the dashboard');
  }
  return `${url.pathname}${url.search}`;
}

/** The user is back, and the answer has been found to be this browser's. */
export async function enterDashboard(
  { upstreamProvider, userNames, now, rules, dashboardSessions }: Facade,
  answer: URLSearchParams,
  secrets: { state: string; nonce: string; verifier: string },
  { dashboard }: DashboardRequest,
  headers: Headers,
): Promise<Response> {
  const { identity } = await upstreamProvider.redeem(answer, secrets);
  const user = await userKey(identity.issuer, identity.subject);
  const sealedName = userNames && identity.name && (await userNames.seal(identity.name, user));
  const secret = randomToken();
  await dashboardSessions.startDashboardSession(
    await sha256(secret),
    { user, groups: identity.groups, ...(sealedName && { sealedName }), expiresAt: now() + DASHBOARD_SESSION_SECONDS },
    now(),
  );
  headers.append('Set-Cookie', dashboardCookie(rules.publicUrl).set(secret, DASHBOARD_SESSION_SECONDS));
  headers.set('Location', `${rules.publicUrl}${dashboard}`);
  headers.set('Cache-Control', 'no-store');
  headers.set('Referrer-Policy', 'no-referrer');
  return new Response(null, { status: 303, headers });
}
