import { redirectUseFault } from '../../../shared/redirect-uri-rules.ts';
import { defaultScope } from '../../../shared/scope-set.ts';
import { knownAccount } from '../../identity/known-account.ts';
import { randomToken, sha256 } from '../../support/crypto.ts';
import { type AuthorizationRequest, BROWSER_STEP_SECONDS } from '../authorization-flow.ts';
import { errorLocation, redirectErrorToClient } from '../client-redirect.ts';
import { ClientDocumentError } from '../clients/client-document.ts';
import { findClient } from '../clients/find-client.ts';
import type { Client } from '../clients/oauth-client.ts';
import { matchesRegistered } from '../clients/redirect-uri.ts';
import type { Facade, FacadeRules } from '../facade.ts';
import { documentError, OAuthError, oauthError } from '../oauth-error.ts';
import { browserCookie, clearOldest } from '../pages/oauth-cookies.ts';
import { consentPage, errorPage } from '../pages/oauth-pages.ts';
import { formParameters, Parameters } from '../request-parameters.ts';
import { requestedScopes } from '../requested-scopes.ts';
import { areOurResources, resourceOf } from '../resource-indicator.ts';

const LONGEST_STATE = 2048;
const challengeForm = /^[A-Za-z0-9_-]{43}$/;

/**
 * `/authorize` (RFC 6749 §4.1.1): validates the request and shows the consent page. Until client and redirect URI are
 * validated, an error is shown as a page; after that it goes to the client (RFC 9700 §4.11), by the user's click if the client
 * is not listed.
 */
export async function authorizationEndpoint(facade: Facade, request: Request): Promise<Response> {
  const parameters =
    request.method === 'POST' ? await formParameters(request) : new Parameters(new URL(request.url).searchParams);
  const { client, redirectUri, state } = await trustedTarget(facade, parameters);
  let authorization: AuthorizationRequest;
  try {
    authorization = {
      client: client.id,
      clientName: client.name,
      clientIdentity: client.identity,
      redirectUri,
      ...(state !== undefined && { state }),
      ...requestedAccess(parameters, facade),
    };
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error;
    const target = { redirectUri, state };
    return isListed(client, facade.rules)
      ? redirectErrorToClient(facade, target, error)
      : errorPage(error, facade.rules, await facade.pageText(request), errorLocation(facade, target, error));
  }
  return askForConsent(facade, request, authorization);
}

/**
 * Whether the operator has named the client or its host. Anyone else may register a page of phishing as a redirect URI, so an
 * error takes the user there only by a click (RFC 9700 §4.11.2).
 */
function isListed({ identity }: Client, { clientDocuments, dynamicRegistration }: FacadeRules): boolean {
  if (identity.kind === 'configured') return true;
  const { mode } = identity.kind === 'domain' ? clientDocuments : dynamicRegistration;
  return mode === 'allow-list';
}

/** Stores the request, bound to this browser, and shows the consent page. */
async function askForConsent(
  { flows, macKey, now, rules, pageText }: Facade,
  request: Request,
  authorization: AuthorizationRequest,
): Promise<Response> {
  const account = await knownAccount(request, { key: macKey, publicUrl: rules.publicUrl, now: now() });
  const handle = randomToken();
  const handleHash = await sha256(handle);
  const cookie = browserCookie('consent', handleHash, rules.publicUrl);
  const secret = randomToken();
  await flows.putAuthorizationRequest(handleHash, {
    ...authorization,
    ...(account && { account: account.user }),
    browser: await sha256(secret),
    expiresAt: now() + BROWSER_STEP_SECONDS,
  });
  const text = await pageText(request);
  const page = await consentPage(authorization, rules, handle, cookie.set(secret, BROWSER_STEP_SECONDS), text, account);
  for (const cleared of clearOldest(request, 'consent', rules.publicUrl)) page.headers.append('Set-Cookie', cleared);
  return page;
}

/** The client and its redirect URI. @throws OAuthError that must not be sent to the redirect URI */
async function trustedTarget(facade: Facade, parameters: Parameters) {
  const state = parameters.get('state');
  if (state && state.length > LONGEST_STATE) throw oauthError('state_too_long', state.length, LONGEST_STATE);
  const client = await identifyClient(facade, parameters.require('client_id'));
  const redirectUri = parameters.require('redirect_uri');
  if (!matchesRegistered(redirectUri, client.redirectUris)) throw oauthError('redirect_uri_unregistered');
  const fault = redirectUseFault(redirectUri, facade.rules.redirectSchemes);
  if (fault !== undefined) throw oauthError('redirect_uri_unusable', fault);
  return { client, redirectUri, state };
}

/** @throws OAuthError for a client that is unknown, not admitted, or described by a rejected document */
async function identifyClient(facade: Facade, clientId: string): Promise<Client> {
  try {
    const client = await findClient(facade, clientId);
    if (client) return client;
  } catch (error) {
    if (error instanceof ClientDocumentError) throw documentError('client_id_document_rejected', error, clientId);
    throw error;
  }
  throw oauthError('client_id_unknown');
}

/** The remaining parameters. @throws OAuthError that goes to the client */
function requestedAccess(
  parameters: Parameters,
  { rules }: Facade,
): Pick<AuthorizationRequest, 'scopes' | 'challenge'> {
  const responseType = parameters.require('response_type');
  if (parameters.get('request')) throw oauthError('request_object_unsupported');
  if (parameters.get('request_uri')) throw oauthError('request_uri_unsupported');
  if (responseType !== 'code') throw oauthError('response_type_unsupported');
  if ((parameters.get('response_mode') ?? 'query') !== 'query') throw oauthError('response_mode_unsupported');
  if (parameters.get('prompt')?.split(' ').includes('none')) throw oauthError('consent_required');
  const challenge = parameters.get('code_challenge');
  if (!challenge || !challengeForm.test(challenge) || parameters.get('code_challenge_method') !== 'S256') {
    throw oauthError('pkce_required');
  }
  if (!areOurResources(parameters.list('resource'), rules.publicUrl)) {
    throw oauthError('resource_unknown', resourceOf(rules.publicUrl));
  }
  const scopes = requestedScopes(parameters.get('scope'), rules.scopes) ?? [defaultScope(rules.scopes)];
  return { challenge, scopes };
}
