import { knownAccount } from '../../identity/known-account.ts';
import type { AccountChoice } from '../../identity/upstream-provider.ts';
import { sha256 } from '../../support/crypto.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import {
  BROWSER_STEP_SECONDS,
  type ConsentAnswer,
  type PendingAuthorization,
  type UpstreamState,
} from '../authorization-flow.ts';
import { redirect, redirectErrorToClient, redirectToClient } from '../client-redirect.ts';
import { derivedSecret, signInSecrets } from '../derived-secret.ts';
import type { Facade } from '../facade.ts';
import { OAuthError, oauthError } from '../oauth-error.ts';
import { browserCookie, clearOldest } from '../pages/oauth-cookies.ts';
import { formParameters } from '../request-parameters.ts';

/**
 * A repeated answer has the same response for so long: the second click of a double click, or the repetition of a request
 * whose response was lost. It includes the time that the first request may have waited for the store.
 */
const REPEAT_SECONDS = 20;

/**
 * `POST /consent`: the user approves or denies. Only an approval starts a sign-in, and only the browser that showed the
 * consent page may submit it (MCP security best practices, confused deputy; RFC 9700 §4.7).
 */
export async function consentEndpoint(facade: Facade, request: Request): Promise<Response> {
  const { upstreamProvider, now, rules } = facade;
  rejectCrossOriginForm(request, rules.publicUrl);
  const form = await formParameters(request);
  const answer = form.get('answer');
  if (answer !== 'approve' && answer !== 'deny') throw oauthError('consent_answer_missing');

  const handle = form.require('request');
  const handleHash = await sha256(handle);
  const consentCookie = browserCookie('consent', handleHash, rules.publicUrl);
  const cookie = consentCookie.read(request);
  if (cookie === undefined) throw oauthError('consent_cookie_missing');
  const question = { handleHash, browser: await sha256(cookie) };
  const headers = new Headers({ 'Set-Cookie': consentCookie.clear() });
  if (answer === 'deny') {
    const authorization = await openRequest(facade, question);
    await recordAnswer(facade, question, answer);
    return redirectToClient(facade, authorization, { error: 'access_denied' }, headers);
  }

  const [state, secret] = [
    await derivedSecret('state', handle, cookie),
    await derivedSecret('sign-in', handle, cookie),
  ];
  const { answer: _, answeredAt, ...authorization } = await openRequest(facade, question);
  const isOtherAccount = authorization.account !== undefined && form.get('account') === 'other';
  const account = isOtherAccount ? 'other' : await shownAccount(facade, request, authorization.account);
  // This needs the provider's discovery document: if the provider does not respond, the authorization request stays open.
  const signInUrl = await upstreamProvider.signInUrl(await signInSecrets(state, secret), 'grant', account);
  const [stateHash, browser] = [await sha256(state), await sha256(secret)];
  const following = {
    ...authorization,
    ...(isOtherAccount && { isOtherAccount }),
    browser,
    expiresAt: now() + BROWSER_STEP_SECONDS,
  };
  try {
    await recordAnswer(facade, question, answer, { stateHash, state: following });
  } catch (error) {
    if (error instanceof OAuthError || error instanceof ServiceUnavailableError) throw error;
    return redirectErrorToClient(facade, authorization, error, headers);
  }
  for (const cleared of clearOldest(request, 'sign-in', rules.publicUrl)) headers.append('Set-Cookie', cleared);
  const signInCookie = browserCookie('sign-in', stateHash, rules.publicUrl);
  headers.append('Set-Cookie', signInCookie.set(secret, BROWSER_STEP_SECONDS));
  return redirect(signInUrl, headers);
}

/** The account that the consent page showed, if it is still that of the browser and the provider knows it by name. */
async function shownAccount(
  { macKey, now, rules }: Facade,
  request: Request,
  user: string | undefined,
): Promise<AccountChoice | undefined> {
  if (user === undefined) return undefined;
  const account = await knownAccount(request, { key: macKey, publicUrl: rules.publicUrl, now: now() });
  return account?.user === user && account.isLogin ? { login: account.name } : undefined;
}

/** An authorization request in the browser that showed its consent page. */
type Question = { handleHash: string; browser: string };

/** @throws OAuthError unless the request waits for this browser's answer, or has it */
async function openRequest({ flows, now }: Facade, { handleHash, browser }: Question): Promise<PendingAuthorization> {
  const pending = await flows.findAuthorizationRequest(handleHash);
  if (pending?.browser === browser && pending.expiresAt > now()) return pending;
  throw oauthError('authorization_request_closed');
}

/** Records the answer, with the state of the sign-in that follows. A repeated answer finds its own effect. */
async function recordAnswer(
  facade: Facade,
  question: Question,
  answer: ConsentAnswer,
  following?: { stateHash: string; state: UpstreamState },
): Promise<void> {
  const { flows, now } = facade;
  if (await flows.answerAuthorizationRequest(question.handleHash, { answer, at: now() }, following)) return;
  const { answer: recorded, answeredAt = 0 } = await openRequest(facade, question);
  if (recorded !== answer || now() - answeredAt > REPEAT_SECONDS) throw oauthError('authorization_request_closed');
}

/** A form that another site submits carries the origin of that site, whatever cookies the browser attaches. */
function rejectCrossOriginForm(request: Request, publicUrl: string): void {
  const origin = request.headers.get('origin');
  const site = request.headers.get('sec-fetch-site');
  if ((origin !== null && origin !== publicUrl) || (site !== null && site !== 'same-origin')) {
    throw oauthError('consent_cross_origin', publicUrl);
  }
}
