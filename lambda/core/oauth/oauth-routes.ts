import type { ScopeSet } from '../../shared/scope-set.ts';
import { RETRY_AFTER_SECONDS } from '../support/service-unavailable-error.ts';
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
import { isCuredByWaiting, type OAuthError, oauthError } from './oauth-error.ts';
import { toOAuthError } from './oauth-failure.ts';
import { dashboardErrorPage, errorPage } from './pages/oauth-pages.ts';
import { iconResponse } from './pages/server-page.ts';

type Endpoint = {
  methods: string[];
  handle: (facade: Facade, request: Request) => Promise<Response>;
  /** The format of errors: a page for users of an app or of the dashboard, JSON for clients. */
  errors: 'page' | 'dashboard-page' | 'json';
};

const metadata = (document: (publicUrl: string, scopes: ScopeSet, rules: FacadeRules) => object): Endpoint => ({
  methods: ['GET', 'HEAD'],
  handle: async ({ rules }) =>
    Response.json(document(rules.publicUrl, rules.scopes, rules), {
      headers: { 'Cache-Control': 'public, max-age=3600, stale-if-error=86400' },
    }),
  errors: 'json',
});

/** The whole authorization server, by path, and the pages of the server at its root. */
const endpoints: Record<string, Endpoint> = {
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

async function dispatch(endpoint: Endpoint | undefined, facade: Facade, request: Request): Promise<Response> {
  if (!endpoint) return Response.json({ error: 'not_found' }, { status: 404 });
  if (!endpoint.methods.includes(request.method)) {
    const allow = endpoint.methods.join(', ');
    const error = oauthError('method_not_allowed', allow);
    const { body, headers } = await errorResponse(endpoint, facade, request, error);
    headers.set('Allow', allow);
    return new Response(body, { status: 405, headers });
  }
  try {
    return await endpoint.handle(facade, request);
  } catch (error) {
    return errorResponse(endpoint, facade, request, toOAuthError(error, facade.log));
  }
}

async function errorResponse(
  { errors }: Endpoint,
  { rules, pageText }: Facade,
  request: Request,
  error: OAuthError,
): Promise<Response> {
  if (errors === 'json') return jsonError(error);
  const show = errors === 'page' ? errorPage : dashboardErrorPage;
  return show(error, rules, await pageText(request));
}

function jsonError({ code, message, status }: OAuthError): Response {
  const headers: Record<string, string> = { 'Cache-Control': 'no-store' };
  if (isCuredByWaiting(status)) headers['Retry-After'] = String(RETRY_AFTER_SECONDS);
  // API Gateway renames the header of a Lambda function; the status and the code say the same.
  if (code === 'invalid_client') headers['WWW-Authenticate'] = 'Bearer error="invalid_client"';
  return Response.json({ error: code, error_description: message }, { status, headers });
}
