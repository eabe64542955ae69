import { authorizationEndpoint } from './endpoints/authorization-endpoint.ts';
import { callbackEndpoint } from './endpoints/callback-endpoint.ts';
import { consentEndpoint } from './endpoints/consent-endpoint.ts';
import { dashboardSignInEndpoint } from './endpoints/dashboard-sign-in-endpoint.ts';
import { documentHeaders, publicDocuments } from './endpoints/public-documents.ts';
import { registrationEndpoint } from './endpoints/registration-endpoint.ts';
import { revocationEndpoint } from './endpoints/revocation-endpoint.ts';
import { serverEndpoint } from './endpoints/server-endpoint.ts';
import { tokenEndpoint } from './endpoints/token-endpoint.ts';
import type { Facade } from './facade.ts';
import { dispatch, type Endpoint } from './oauth-dispatch.ts';
import { iconResponse } from './pages/server-page.ts';

const documents = Object.entries(publicDocuments).map(([path, build]): [string, Endpoint<Facade>] => [
  path,
  {
    methods: ['GET', 'HEAD'],
    handle: async (facade) => {
      const document = build(facade);
      return Response.json(document.content, { headers: documentHeaders(document) });
    },
    errors: 'json',
  },
]);

/** The whole authorization server, by path, and the pages of the server at its root. */
const endpoints: Record<string, Endpoint<Facade>> = {
  '/': {
    methods: ['GET'],
    handle: async ({ rules, pageText }, request) => serverEndpoint(request, rules, await pageText(request)),
    errors: 'page',
  },
  '/favicon.ico': { methods: ['GET'], handle: async ({ rules }) => iconResponse(rules.branding), errors: 'page' },
  ...Object.fromEntries(documents),
  '/register': { methods: ['POST'], handle: registrationEndpoint, errors: 'json' },
  '/authorize': { methods: ['GET', 'POST'], handle: authorizationEndpoint, errors: 'page' },
  '/consent': { methods: ['POST'], handle: consentEndpoint, errors: 'page' },
  '/callback': { methods: ['GET'], handle: callbackEndpoint, errors: 'page' },
  '/dashboard/sign-in': { methods: ['GET'], handle: dashboardSignInEndpoint, errors: 'dashboard-page' },
  // Its module is loaded at its first use: most deployments have no personal access tokens.
  '/dashboard/tokens': {
    methods: ['POST'],
    handle: async (facade, request) =>
      (await import('./endpoints/personal-token-endpoint.ts')).personalTokenEndpoint(facade, request),
    errors: 'dashboard-json',
  },
  '/token': { methods: ['POST'], handle: tokenEndpoint, errors: 'json' },
  '/revoke': { methods: ['POST'], handle: revocationEndpoint, errors: 'json' },
};

/** Handles one request to the facade. Never throws: every error becomes a response, and a failure is logged. */
export async function handleOAuthRequest(facade: Facade, request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const isOff = pathname === '/dashboard/tokens' && facade.rules.personalTokenDays === undefined;
  const endpoint = isOff ? undefined : endpoints[pathname];
  const response = await dispatch(endpoint, facade, request);
  return endpoint === undefined || endpoint.errors === 'json' ? readableAnywhere(response) : response;
}

/** Clients that run in web pages read these responses from their own origin; no cookie counts at these endpoints. */
function readableAnywhere(response: Response): Response {
  response.headers.set('Access-Control-Allow-Origin', '*');
  return response;
}
