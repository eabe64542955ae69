import { randomToken, sha256 } from '../../support/crypto.ts';
import { BROWSER_STEP_SECONDS } from '../authorization-flow.ts';
import { redirect, redirectErrorToClient, redirectToClient } from '../client-redirect.ts';
import type { Facade } from '../facade.ts';
import { oauthError } from '../oauth-error.ts';
import { browserCookie } from '../pages/oauth-cookies.ts';
import { formParameters } from '../request-parameters.ts';

/**
 * `POST /consent`: the user approves or denies. Only an approval starts a sign-in, and only the browser that showed the
 * consent page may submit it (MCP security best practices, confused deputy; RFC 9700 §4.7).
 */
export async function consentEndpoint(facade: Facade, request: Request): Promise<Response> {
  const { flows, upstreamProvider, now, rules } = facade;
  rejectCrossOriginForm(request, rules.publicUrl);
  const form = await formParameters(request);
  const answer = form.get('answer');
  if (answer !== 'approve' && answer !== 'deny') throw oauthError('consent_answer_missing');

  const handleHash = await sha256(form.require('request'));
  const consentCookie = browserCookie('consent', handleHash, rules.publicUrl);
  const secret = consentCookie.read(request);
  if (secret === undefined) throw oauthError('consent_cookie_missing');

  // This needs the provider's discovery document: if the provider does not respond, the authorization request stays open.
  const secrets = { state: randomToken(), nonce: randomToken(), verifier: randomToken() };
  const signInUrl = answer === 'approve' ? await upstreamProvider.signInUrl(secrets) : undefined;

  const authorization = await flows.takeAuthorizationRequest(handleHash, await sha256(secret), now());
  if (!authorization) throw oauthError('authorization_request_closed');
  const headers = new Headers({ 'Set-Cookie': consentCookie.clear() });
  if (!signInUrl) return redirectToClient(facade, authorization, { error: 'access_denied' }, headers);

  const stateHash = await sha256(secrets.state);
  const signInCookie = browserCookie('sign-in', stateHash, rules.publicUrl);
  const browser = randomToken();
  try {
    await flows.putUpstreamState(stateHash, {
      ...authorization,
      nonce: secrets.nonce,
      verifier: secrets.verifier,
      browser: await sha256(browser),
      expiresAt: now() + BROWSER_STEP_SECONDS,
    });
  } catch (error) {
    // The authorization request is consumed, so the error goes to the client, which can send another.
    return redirectErrorToClient(facade, authorization, error, headers);
  }
  headers.append('Set-Cookie', signInCookie.set(browser, BROWSER_STEP_SECONDS));
  return redirect(signInUrl, headers);
}

/** A form that another site submits carries the origin of that site, whatever cookies the browser attaches. */
function rejectCrossOriginForm(request: Request, publicUrl: string): void {
  const origin = request.headers.get('origin');
  const site = request.headers.get('sec-fetch-site');
  if ((origin !== null && origin !== publicUrl) || (site !== null && site !== 'same-origin')) {
    throw oauthError('consent_cross_origin', publicUrl);
  }
}
