import { randomToken, sha256 } from '../../support/crypto.ts';
import { PENDING_SECONDS } from '../authorization-flow.ts';
import { redirectToClient } from '../client-redirect.ts';
import type { Facade } from '../facade.ts';
import { browserCookie } from '../pages/oauth-cookies.ts';
import { formParameters } from '../request-parameters.ts';
import { ShownError, shownErrorOf } from '../shown-error.ts';

/**
 * `POST /consent`: the user has answered. Only now is a sign-in started, and only the browser that saw the question may
 * answer it (MCP security best practices, confused deputy; RFC 9700 §4.7).
 */
export async function consentEndpoint(facade: Facade, request: Request): Promise<Response> {
  const { flows, upstreamProvider, now, rules } = facade;
  refuseForeignForm(request, rules.publicUrl);
  const form = await formParameters(request);
  const answer = form.get('answer');
  if (answer !== 'approve' && answer !== 'deny') {
    throw new ShownError('invalid_request', 'no-answer', 'answer must be approve or deny');
  }

  const handleHash = await sha256(form.require('request'));
  const asking = browserCookie('consent', handleHash, rules.publicUrl);
  const secret = asking.read(request);
  if (secret === undefined) {
    throw new ShownError('access_denied', 'asked-elsewhere', 'the request’s cookie is missing');
  }

  // Reaching the provider's discovery document first: if it does not answer, the question stays open.
  const secrets = { state: randomToken(), nonce: randomToken(), verifier: randomToken() };
  const signInUrl = answer === 'approve' ? await upstreamProvider.signInUrl(secrets) : undefined;

  const asked = await flows.takeRequest(handleHash, await sha256(secret), now());
  if (!asked) throw new ShownError('invalid_request', 'answered', 'the request is answered or has expired');
  const headers = new Headers({ 'Set-Cookie': asking.clear() });
  if (!signInUrl) return redirectToClient(facade, asked, { error: 'access_denied' }, headers);

  const stateHash = await sha256(secrets.state);
  const signingIn = browserCookie('sign-in', stateHash, rules.publicUrl);
  const browser = randomToken();
  const { nonce, verifier } = secrets;
  const expiresAt = now() + PENDING_SECONDS;
  try {
    await flows.putSignIn(stateHash, { ...asked, nonce, verifier, browser: await sha256(browser), expiresAt });
  } catch (error) {
    // The question is spent, so what went wrong goes to the client, which can ask another.
    const { code, message } = shownErrorOf(error, facade.log);
    return redirectToClient(facade, asked, { error: code, error_description: message }, headers);
  }
  headers.append('Set-Cookie', signingIn.set(browser, PENDING_SECONDS));
  headers.set('Location', signInUrl);
  headers.set('Cache-Control', 'no-store');
  headers.set('Referrer-Policy', 'no-referrer');
  return new Response(null, { status: 303, headers });
}

/** A form that another site submits carries that site's origin, whatever cookies come with it. */
function refuseForeignForm(request: Request, publicUrl: string): void {
  const origin = request.headers.get('origin');
  const site = request.headers.get('sec-fetch-site');
  if ((origin !== null && origin !== publicUrl) || (site !== null && site !== 'same-origin')) {
    throw new ShownError('access_denied', 'foreign-answer', `the form was not sent by a page of ${publicUrl}`);
  }
}
