import { userKey } from '../../access/user-key.ts';
import { DASHBOARD_SESSION_SECONDS, dashboardCookie } from '../../dashboard/dashboard-session.ts';
import type { SignInSecrets } from '../../identity/upstream-provider.ts';
import { randomToken, sha256 } from '../../support/crypto.ts';
import { BROWSER_STEP_SECONDS, type DashboardRequest } from '../authorization-flow.ts';
import { redirect } from '../client-redirect.ts';
import type { Facade } from '../facade.ts';
import { oauthError } from '../oauth-error.ts';
import { browserCookie, clearOldest } from '../pages/oauth-cookies.ts';

const DASHBOARD = '/dashboard';
const LONGEST_TARGET = 2048;

/**
 * `GET /dashboard/sign-in`: redirects to the identity provider, which returns to `/callback`. It needs no consent page,
 * because the dashboard belongs to this server and gets no grant. The response counts only in this browser.
 */
export async function dashboardSignInEndpoint(facade: Facade, request: Request): Promise<Response> {
  const { flows, upstreamProvider, now, rules } = facade;
  const secrets = { state: randomToken(), nonce: randomToken(), verifier: randomToken() };
  const signInUrl = await upstreamProvider.signInUrl(secrets);
  const stateHash = await sha256(secrets.state);
  const browser = randomToken();
  await flows.putUpstreamState(stateHash, {
    dashboard: dashboardTarget(request),
    nonce: secrets.nonce,
    verifier: secrets.verifier,
    browser: await sha256(browser),
    expiresAt: now() + BROWSER_STEP_SECONDS,
  });
  const headers = new Headers();
  for (const cleared of clearOldest(request, rules.publicUrl)) headers.append('Set-Cookie', cleared);
  const cookie = browserCookie('sign-in', stateHash, rules.publicUrl);
  headers.append('Set-Cookie', cookie.set(browser, BROWSER_STEP_SECONDS));
  return redirect(signInUrl, headers);
}

/** The view of the dashboard that the browser returns to. @throws OAuthError for an address outside the dashboard */
function dashboardTarget(request: Request): string {
  const here = new URL(request.url);
  const to = here.searchParams.get('to') ?? DASHBOARD;
  const url = URL.parse(to, here.origin);
  if (url?.origin !== here.origin || url.pathname !== DASHBOARD || to.length > LONGEST_TARGET) {
    throw oauthError('dashboard_target_invalid');
  }
  return `${url.pathname}${url.search}`;
}

/** Redeems the provider's response, starts the dashboard session and returns to the dashboard. */
export async function startDashboardSession(
  { upstreamProvider, userNames, now, rules, dashboardSessions }: Facade,
  response: URLSearchParams,
  secrets: SignInSecrets,
  { dashboard }: DashboardRequest,
  headers: Headers,
): Promise<Response> {
  const { identity } = await upstreamProvider.redeem(response, secrets);
  const user = await userKey(identity.issuer, identity.subject);
  const sealedName = userNames && identity.name && (await userNames.seal(identity.name, user));
  const secret = randomToken();
  await dashboardSessions.startDashboardSession(
    await sha256(secret),
    { user, groups: identity.groups, ...(sealedName && { sealedName }), expiresAt: now() + DASHBOARD_SESSION_SECONDS },
    now(),
  );
  headers.append('Set-Cookie', dashboardCookie(rules.publicUrl).set(secret, DASHBOARD_SESSION_SECONDS));
  return redirect(`${rules.publicUrl}${dashboard}`, headers);
}
