import { DASHBOARD_SESSION_SECONDS, dashboardCookie } from '../dashboard/dashboard-session.ts';
import { sha256 } from '../support/crypto.ts';
import type { DashboardRequest } from './authorization-flow.ts';
import { redirect } from './client-redirect.ts';
import type { Facade } from './facade.ts';
import type { ReturnedSignIn, SignInDependencies, SignInResult } from './upstream-callback.ts';

/** The ports of a sign-in to the dashboard: those of the facade without its keys, its grants and its clients. */
export type DashboardSignIn = SignInDependencies & Pick<Facade, 'dashboardSessions'>;

/**
 * The dashboard session of a sign-in. The provider's tokens are not kept, and not revoked either: at some providers that ends
 * the user's single sign-on.
 */
export function dashboardSessionResult(
  { dashboardSessions, now, rules: { publicUrl } }: DashboardSignIn,
  { stateHash, credential }: ReturnedSignIn,
  { dashboard }: DashboardRequest,
): SignInResult {
  return {
    purpose: 'dashboard',
    prepare:
      async () =>
      async ({ identity, user, sealedName }) => {
        const cookieHash = await sha256(credential);
        const expiresAt = now() + DASHBOARD_SESSION_SECONDS;
        const { issuer, subject, groups } = identity;
        const session = { user, issuer, subject, groups, ...(sealedName && { sealedName }), expiresAt };
        return () => dashboardSessions.startDashboardSession(cookieHash, session, now(), stateHash);
      },
    async completed(headers) {
      headers.append('Set-Cookie', dashboardCookie(publicUrl).set(credential, DASHBOARD_SESSION_SECONDS));
      return redirect(`${publicUrl}${dashboard}`, headers);
    },
  };
}
