import { defaultScope, type ScopeSet } from '../../../shared/scope-set.ts';
import { randomToken, sha256 } from '../../support/crypto.ts';
import { type AuthorizationRequest, PENDING_SECONDS } from '../authorization-flow.ts';
import { redirectToClient } from '../client-redirect.ts';
import { ClientDocumentError } from '../clients/client-document.ts';
import { findClient } from '../clients/find-client.ts';
import type { Client } from '../clients/oauth-client.ts';
import { matchesRegistered, mayUse } from '../clients/redirect-uri.ts';
import type { Facade } from '../facade.ts';
import { OAuthError } from '../oauth-error.ts';
import { browserCookie, clearOldest } from '../pages/oauth-cookies.ts';
import { consentPage } from '../pages/oauth-pages.ts';
import { formParameters, Parameters } from '../request-parameters.ts';
import { ShownError } from '../shown-error.ts';
import { isOurResource } from './oauth-metadata.ts';

const LONGEST_STATE = 2048;
const challengeForm = /^[A-Za-z0-9_-]{43}$/;

/**
 * `/authorize` (RFC 6749 §4.1.1): checks the request and asks the user. Until client and redirect URI are known to be
 * right, an error is shown here; from then on it goes to the client (RFC 9700 §4.11).
 */
export async function authorizationEndpoint(facade: Facade, request: Request): Promise<Response> {
  const parameters =
    request.method === 'POST' ? await formParameters(request) : new Parameters(new URL(request.url).searchParams);
  const { client, redirectUri, state } = await trustedTarget(facade, parameters);
  let asked: AuthorizationRequest;
  try {
    asked = {
      client: client.id,
      clientName: client.name,
      clientIdentity: client.identity,
      redirectUri,
      ...(state !== undefined && { state }),
      ...askedFor(parameters, facade),
    };
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error;
    return redirectToClient(facade, { redirectUri, state }, { error: error.code, error_description: error.message });
  }

  const { flows, now, rules } = facade;
  const handle = randomToken();
  const handleHash = await sha256(handle);
  const cookie = browserCookie('consent', handleHash, rules.publicUrl);
  const secret = randomToken();
  await flows.putRequest(handleHash, {
    ...asked,
    browser: await sha256(secret),
    expiresAt: now() + PENDING_SECONDS,
  });
  const page = await consentPage(asked, rules, handle, cookie.set(secret, PENDING_SECONDS));
  for (const cleared of clearOldest(request, rules.publicUrl)) page.headers.append('Set-Cookie', cleared);
  return page;
}

/** Who asks, and where the answer goes. @throws OAuthError that must not be sent to the redirect URI */
async function trustedTarget(facade: Facade, parameters: Parameters) {
  const state = parameters.get('state');
  if (state && state.length > LONGEST_STATE) {
    throw new OAuthError('invalid_request', `state has ${state.length} characters; at most ${LONGEST_STATE} are kept`);
  }
  const client = await asking(facade, parameters.require('client_id'));
  const redirectUri = parameters.require('redirect_uri');
  if (!matchesRegistered(redirectUri, client.redirectUris) || !mayUse(redirectUri, facade.rules.redirectSchemes)) {
    throw new ShownError(
      'invalid_request',
      'foreign-target',
      'redirect_uri is not one that this application has registered',
    );
  }
  return { client, redirectUri, state };
}

/** The client that asks. @throws ShownRefusal for one that is not let in */
async function asking(facade: Facade, clientId: string): Promise<Client> {
  try {
    const client = await findClient(facade, clientId);
    if (client) return client;
  } catch (error) {
    if (!(error instanceof ClientDocumentError)) throw error;
    throw new ShownError(
      'invalid_request',
      'unusable-client',
      `the document at client_id cannot be used: ${error.message}`,
    );
  }
  throw new ShownError('invalid_request', 'unknown-client', 'client_id is not registered here');
}

/** The rest of the request. @throws OAuthError that goes to the client */
function askedFor(parameters: Parameters, { rules }: Facade): Pick<AuthorizationRequest, 'scopes' | 'challenge'> {
  const responseType = parameters.require('response_type');
  if (parameters.get('request')) throw new OAuthError('request_not_supported', 'send the parameters themselves');
  if (parameters.get('request_uri'))
    throw new OAuthError('request_uri_not_supported', 'send the parameters themselves');
  if (responseType !== 'code') throw new OAuthError('unsupported_response_type', 'response_type must be code');
  if ((parameters.get('response_mode') ?? 'query') !== 'query') {
    throw new OAuthError('invalid_request', 'response_mode must be query');
  }
  if (parameters.get('prompt')?.split(' ').includes('none')) {
    throw new OAuthError('interaction_required', 'the user is asked every time');
  }
  const challenge = parameters.get('code_challenge');
  if (!challenge || !challengeForm.test(challenge) || parameters.get('code_challenge_method') !== 'S256') {
    throw new OAuthError('invalid_request', 'PKCE with code_challenge_method S256 is required');
  }
  if (!isOurResource(parameters.get('resource'), rules.publicUrl)) {
    throw new OAuthError('invalid_target', `resource must be ${rules.publicUrl}/mcp`);
  }
  return { challenge, scopes: grantedScopes(parameters.get('scope'), rules.scopes) };
}

/** The known ones of the scopes asked for; the default where none was asked for. `offline_access` is always so. */
function grantedScopes(asked: string | undefined, set: ScopeSet): string[] {
  if (asked === undefined) return [defaultScope(set)];
  const known = Object.keys(set.scopes);
  const words = asked.split(' ').filter(Boolean);
  const granted = known.filter((scope) => words.includes(scope));
  if (granted.length > 0) return granted;
  if (words.every((word) => word === 'offline_access')) return [defaultScope(set)];
  throw new OAuthError('invalid_scope', `none of these scopes is known; known are: ${known.join(', ')}`);
}
