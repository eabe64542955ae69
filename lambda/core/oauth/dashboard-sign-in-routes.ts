import { type DashboardSignIn, dashboardSessionResult } from './dashboard-session-result.ts';
import { dashboardSignInEndpoint } from './endpoints/dashboard-sign-in-endpoint.ts';
import { dispatch, type Endpoint } from './oauth-dispatch.ts';
import { oauthError } from './oauth-error.ts';
import { upstreamCallback } from './upstream-callback.ts';

/** Direct mode: the sign-in to the dashboard, by path. Clients sign in at the identity provider. */
const endpoints: Record<string, Endpoint<DashboardSignIn>> = {
  '/dashboard/sign-in': { methods: ['GET'], handle: dashboardSignInEndpoint, errors: 'dashboard-page' },
  '/callback': {
    methods: ['GET'],
    handle: (dependencies, request) =>
      upstreamCallback(dependencies, request, (signIn) => {
        if (!('dashboard' in signIn.upstream)) throw oauthError('upstream_state_closed');
        return dashboardSessionResult(dependencies, signIn, signIn.upstream);
      }),
    errors: 'dashboard-page',
  },
};

/** Handles one request. Never throws: every error becomes a page, and a failure is logged. */
export const handleDashboardSignIn = (dependencies: DashboardSignIn, request: Request): Promise<Response> =>
  dispatch(endpoints[new URL(request.url).pathname], dependencies, request);
