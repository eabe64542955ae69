import type { ScopeSet } from '../../shared/scope-set.ts';
import { RETRY_AFTER_SECONDS } from '../support/service-unavailable-error.ts';
import { authorizationEndpoint } from './endpoints/authorization-endpoint.ts';
import { callbackEndpoint } from './endpoints/callback-endpoint.ts';
import { consentEndpoint } from './endpoints/consent-endpoint.ts';
import { signInAtDashboard } from './endpoints/dashboard-sign-in.ts';
import { authorizationServerMetadata, protectedResourceMetadata } from './endpoints/oauth-metadata.ts';
import { registrationEndpoint } from './endpoints/registration-endpoint.ts';
import { revocationEndpoint } from './endpoints/revocation-endpoint.ts';
import { tokenEndpoint } from './endpoints/token-endpoint.ts';
import type { Facade, FacadeRules } from './facade.ts';
import { OAuthError, statusOf } from './oauth-error.ts';
import { errorPage } from './pages/oauth-pages.ts';
import { shownErrorOf } from './shown-error.ts';

type Endpoint = {
  methods: string[];
  answer: (facade: Facade, request: Request) => Promise<Response>;
  /** Browsers show pages; programs read JSON. */
  errors: 'page' | 'json';
};

const metadata = (document: (publicUrl: string, scopes: ScopeSet, rules: FacadeRules) => object): Endpoint => ({
  methods: ['GET', 'HEAD'],
  answer: async ({ rules }) =>
    Response.json(document(rules.publicUrl, rules.scopes, rules), {
      headers: { 'Cache-Control': 'public, max-age=3600' },
    }),
  errors: 'json',
});

/** The keys that access tokens verify with (RFC 7517). Short-lived in caches, so that a new key is known before use. */
const keys: Endpoint = {
  methods: ['GET', 'HEAD'],
  answer: async ({ signer }) =>
    Response.json({ keys: await signer.publicKeys() }, { headers: { 'Cache-Control': 'public, max-age=300' } }),
  errors: 'json',
};

/** The whole authorization server: a path, and what answers there. */
const endpoints: Record<string, Endpoint> = {
  '/.well-known/oauth-protected-resource': metadata(protectedResourceMetadata),
  '/.well-known/oauth-protected-resource/mcp': metadata(protectedResourceMetadata),
  '/.well-known/oauth-authorization-server': metadata(authorizationServerMetadata),
  '/.well-known/openid-configuration': metadata(authorizationServerMetadata),
  '/jwks.json': keys,
  '/register': { methods: ['POST'], answer: registrationEndpoint, errors: 'json' },
  '/authorize': { methods: ['GET', 'POST'], answer: authorizationEndpoint, errors: 'page' },
  '/consent': { methods: ['POST'], answer: consentEndpoint, errors: 'page' },
  '/callback': { methods: ['GET'], answer: callbackEndpoint, errors: 'page' },
  '/dashboard/sign-in': { methods: ['GET'], answer: signInAtDashboard, errors: 'page' },
  '/token': { methods: ['POST'], answer: tokenEndpoint, errors: 'json' },
  '/revoke': { methods: ['POST'], answer: revocationEndpoint, errors: 'json' },
};

/** Answers one request to the facade. Never throws: an outage is 503, anything unforeseen 500 and in the log. */
export async function handleOAuthRequest(facade: Facade, request: Request): Promise<Response> {
  const endpoint = endpoints[new URL(request.url).pathname];
  const response = await answer(endpoint, facade, request);
  // Clients that are web pages read these from their own origin; no cookie plays a part in them.
  if (endpoint?.errors !== 'page') response.headers.set('Access-Control-Allow-Origin', '*');
  return response;
}

async function answer(endpoint: Endpoint | undefined, facade: Facade, request: Request): Promise<Response> {
  if (!endpoint) return Response.json({ error: 'not_found' }, { status: 404 });
  if (!endpoint.methods.includes(request.method)) {
    const allow = endpoint.methods.join(', ');
    const { body, headers } = await refuse(endpoint, new OAuthError('invalid_request', `Use ${allow}`));
    headers.set('Allow', allow);
    return new Response(body, { status: 405, headers });
  }
  try {
    return await endpoint.answer(facade, request);
  } catch (error) {
    return refuse(endpoint, shownErrorOf(error, facade.log));
  }
}

async function refuse({ errors }: Endpoint, refusal: OAuthError): Promise<Response> {
  return errors === 'page' ? errorPage(refusal) : jsonError(refusal);
}

function jsonError({ code, message }: OAuthError): Response {
  const headers: Record<string, string> = { 'Cache-Control': 'no-store' };
  if (code === 'temporarily_unavailable') headers['Retry-After'] = String(RETRY_AFTER_SECONDS);
  return Response.json({ error: code, error_description: message }, { status: statusOf(code), headers });
}
