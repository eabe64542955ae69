import type { ScopeSet } from '../../shared/scope-set.ts';
import { authorizationEndpoint } from './endpoints/authorization-endpoint.ts';
import { authorizationServerMetadata } from './endpoints/authorization-server-metadata.ts';
import { callbackEndpoint } from './endpoints/callback-endpoint.ts';
import { consentEndpoint } from './endpoints/consent-endpoint.ts';
import { dashboardSignInEndpoint } from './endpoints/dashboard-sign-in-endpoint.ts';
import { jwksEndpoint } from './endpoints/jwks-endpoint.ts';
import { protectedResourceMetadata } from './endpoints/protected-resource-metadata.ts';
import { registrationEndpoint } from './endpoints/registration-endpoint.ts';
import { revocationEndpoint } from './endpoints/revocation-endpoint.ts';
import { serverEndpoint } from './endpoints/server-endpoint.ts';
import { tokenEndpoint } from './endpoints/token-endpoint.ts';
import type { Facade, FacadeRules } from './facade.ts';
import { dispatch, type Endpoint } from './oauth-dispatch.ts';
import { iconResponse } from './pages/server-page.ts';

const metadata = (document: (publicUrl: string, scopes: ScopeSet, rules: FacadeRules) => object): Endpoint<Facade> => ({
  methods: ['GET', 'HEAD'],
  handle: async ({ rules }) =>
    Response.json(document(rules.publicUrl, rules.scopes, rules), {
      headers: { 'Cache-Control': 'public, max-age=3600, stale-if-error=86400' },
    }),
  errors: 'json',
});

/** The whole authorization server, by path, and the pages of the server at its root. */
const endpoints: Record<string, Endpoint<Facade>> = {
  '/': {
    methods: ['GET'],
    handle: async ({ rules, pageText }, request) => serverEndpoint(request, rules, await pageText(request)),
    errors: 'page',
  },
  '/favicon.ico': { methods: ['GET'], handle: async ({ rules }) => iconResponse(rules.branding), errors: 'page' },
  '/.well-known/oauth-protected-resource': metadata(protectedResourceMetadata),
  '/.well-known/oauth-protected-resource/mcp': metadata(protectedResourceMetadata),
  '/.well-known/oauth-authorization-server': metadata(authorizationServerMetadata),
  '/.well-known/openid-configuration': metadata(authorizationServerMetadata),
  '/jwks.json': { methods: ['GET', 'HEAD'], handle: jwksEndpoint, errors: 'json' },
  '/register': { methods: ['POST'], handle: registrationEndpoint, errors: 'json' },
  '/authorize': { methods: ['GET', 'POST'], handle: authorizationEndpoint, errors: 'page' },
  '/consent': { methods: ['POST'], handle: consentEndpoint, errors: 'page' },
  '/callback': { methods: ['GET'], handle: callbackEndpoint, errors: 'page' },
  '/dashboard/sign-in': { methods: ['GET'], handle: dashboardSignInEndpoint, errors: 'dashboard-page' },
  '/token': { methods: ['POST'], handle: tokenEndpoint, errors: 'json' },
  '/revoke': { methods: ['POST'], handle: revocationEndpoint, errors: 'json' },
};

/** Handles one request to the facade. Never throws: every error becomes a response, and a failure is logged. */
export async function handleOAuthRequest(facade: Facade, request: Request): Promise<Response> {
  const endpoint = endpoints[new URL(request.url).pathname];
  const response = await dispatch(endpoint, facade, request);
  // Clients that run in web pages read these responses from their own origin; no cookie counts at these endpoints.
  if (endpoint === undefined || endpoint.errors === 'json') response.headers.set('Access-Control-Allow-Origin', '*');
  return response;
}
