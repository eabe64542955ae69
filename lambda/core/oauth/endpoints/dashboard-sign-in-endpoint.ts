import { randomToken, sha256 } from '../../support/crypto.ts';
import { BROWSER_STEP_SECONDS } from '../authorization-flow.ts';
import { redirect } from '../client-redirect.ts';
import { signInSecrets } from '../derived-secret.ts';
import { oauthError } from '../oauth-error.ts';
import { browserCookie, clearOldest } from '../pages/oauth-cookies.ts';
import type { SignInDependencies } from '../upstream-callback.ts';

const DASHBOARD = '/dashboard';
const LONGEST_TARGET = 2048;

/**
 * `GET /dashboard/sign-in`: redirects to the identity provider, which returns to `/callback`. It needs no consent page,
 * because the dashboard belongs to this server and gets no grant. The response counts only in this browser.
 */
export async function dashboardSignInEndpoint(
  { flows, upstreamProvider, now, rules }: SignInDependencies,
  request: Request,
): Promise<Response> {
  const [state, browser] = [randomToken(), randomToken()];
  const signInUrl = await upstreamProvider.signInUrl(await signInSecrets(state, browser), 'dashboard');
  const stateHash = await sha256(state);
  await flows.putUpstreamState(stateHash, {
    dashboard: dashboardTarget(request),
    browser: await sha256(browser),
    expiresAt: now() + BROWSER_STEP_SECONDS,
  });
  const headers = new Headers();
  for (const cleared of clearOldest(request, 'dashboard-sign-in', rules.publicUrl))
    headers.append('Set-Cookie', cleared);
  const cookie = browserCookie('dashboard-sign-in', stateHash, rules.publicUrl);
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
