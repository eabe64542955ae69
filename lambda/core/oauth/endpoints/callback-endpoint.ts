import type { Grant } from '../../access/grant.ts';
import { userKey } from '../../access/user-key.ts';
import { randomId, randomToken, sha256 } from '../../support/crypto.ts';
import { type AuthorizationRequest, CODE_SECONDS, type SignIn } from '../authorization-flow.ts';
import { redirectToClient } from '../client-redirect.ts';
import type { Facade } from '../facade.ts';
import { browserCookie } from '../pages/oauth-cookies.ts';
import { Parameters } from '../request-parameters.ts';
import { ShownError, shownErrorOf } from '../shown-error.ts';
import { enterDashboard } from './dashboard-sign-in.ts';

/**
 * `GET /callback`: the user is back from the identity provider. The answer counts only in the browser that consented
 * (CVE-2026-27124): in any other one the sign-in is ended and the provider's code is not redeemed.
 */
export async function callbackEndpoint(facade: Facade, request: Request): Promise<Response> {
  const { flows, now, rules, sealer } = facade;
  const { searchParams } = new URL(request.url);
  const state = new Parameters(searchParams).require('state');
  const stateHash = await sha256(state);
  const signingIn = browserCookie('sign-in', stateHash, rules.publicUrl);
  const secret = signingIn.read(request);
  if (secret === undefined) {
    await flows.burnSignIn(stateHash);
    throw new ShownError('access_denied', 'signing-in-elsewhere', 'the cookie of this state is missing');
  }

  const grantId = randomId();
  await facade.userNames?.load();
  const seal = await sealer.prepare({ purpose: 'upstream', grant: grantId });
  const signIn = await flows.takeSignIn(stateHash, await sha256(secret), now());
  if (!signIn) throw new ShownError('invalid_request', 'signed-in', 'the state was used or has expired');
  const headers = new Headers({ 'Set-Cookie': signingIn.clear() });
  const { nonce, verifier } = signIn;
  if ('dashboard' in signIn) return enterDashboard(facade, searchParams, { state, nonce, verifier }, signIn, headers);
  try {
    const code = await completeSignIn(facade, searchParams, state, signIn, grantId, seal);
    return redirectToClient(facade, signIn, { code }, headers);
  } catch (error) {
    // The sign-in is spent, so what went wrong goes to the client, which can start another.
    const { code: refused, message } = shownErrorOf(error, facade.log);
    return redirectToClient(facade, signIn, { error: refused, error_description: message }, headers);
  }
}

/** Redeems the provider's answer and writes the grant. @returns the authorization code */
async function completeSignIn(
  { upstreamProvider, grants, userNames, now, rules }: Facade,
  answer: URLSearchParams,
  state: string,
  signIn: SignIn & AuthorizationRequest,
  grantId: string,
  seal: (text: string) => Promise<string>,
): Promise<string> {
  const { client, clientName, redirectUri, challenge, scopes, nonce, verifier } = signIn;
  const { identity, tokens } = await upstreamProvider.redeem(answer, { state, nonce, verifier });
  const user = await userKey(identity.issuer, identity.subject);
  const sealedName = userNames && identity.name && (await userNames.seal(identity.name, user));
  const at = now();
  const grant: Grant = {
    id: grantId,
    status: 'active',
    user,
    issuer: identity.issuer,
    subject: identity.subject,
    groups: identity.groups,
    client,
    clientName,
    scopes,
    createdAt: at,
    absoluteExpiresAt: at + rules.grantAbsoluteSeconds,
    idleExpiresAt: at + rules.grantIdleSeconds,
    refresh: { head: 1, predecessor: 0, superseded: {} },
  };
  const code = `hac1_${randomToken()}`;
  await grants.createGrant({
    grant,
    ...(sealedName && { sealedName }),
    tokens: { sealed: await seal(JSON.stringify(tokens)), version: 1, expiresAt: tokens.expiresAt, refreshedAt: at },
    codeHash: await sha256(code),
    code: { grant: grantId, user, client, redirectUri, challenge, scopes, expiresAt: at + CODE_SECONDS },
    approval: { user, client, clientName, redirectHost: new URL(redirectUri).host, scopes, at },
  });
  return code;
}
