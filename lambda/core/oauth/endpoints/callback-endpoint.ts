import type { Grant } from '../../access/grant.ts';
import { userKey } from '../../access/user-key.ts';
import { randomId, randomToken, sha256 } from '../../support/crypto.ts';
import { type AuthorizationRequest, CODE_SECONDS, type UpstreamState } from '../authorization-flow.ts';
import { redirectErrorToClient, redirectToClient } from '../client-redirect.ts';
import type { Facade } from '../facade.ts';
import { oauthError } from '../oauth-error.ts';
import { browserCookie } from '../pages/oauth-cookies.ts';
import { Parameters } from '../request-parameters.ts';
import { startDashboardSession } from './dashboard-sign-in-endpoint.ts';

/** Prepared before the upstream state is taken, because the preparation may fail. */
type PreparedGrant = { id: string; seal: (text: string) => Promise<string> };

/**
 * `GET /callback`: the identity provider redirects the user here. The response counts only in the browser that consented
 * (CVE-2026-27124): in any other browser the sign-in ends, and the provider's code is not redeemed.
 */
export async function callbackEndpoint(facade: Facade, request: Request): Promise<Response> {
  const { flows, now, rules, sealer } = facade;
  const { searchParams } = new URL(request.url);
  const state = new Parameters(searchParams).require('state');
  const stateHash = await sha256(state);
  const cookie = browserCookie('sign-in', stateHash, rules.publicUrl);
  const secret = cookie.read(request);
  if (secret === undefined) {
    await flows.deleteUpstreamState(stateHash);
    throw oauthError('sign_in_cookie_missing');
  }

  const grantId = randomId();
  await facade.userNames?.load();
  const prepared = { id: grantId, seal: await sealer.prepare({ purpose: 'upstream', grant: grantId }) };
  const upstream = await flows.takeUpstreamState(stateHash, await sha256(secret), now());
  if (!upstream) throw oauthError('upstream_state_closed');
  const headers = new Headers({ 'Set-Cookie': cookie.clear() });
  const secrets = { state, nonce: upstream.nonce, verifier: upstream.verifier };
  if ('dashboard' in upstream) return startDashboardSession(facade, searchParams, secrets, upstream, headers);
  try {
    const code = await completeSignIn(facade, searchParams, state, upstream, prepared);
    return redirectToClient(facade, upstream, { code }, headers);
  } catch (error) {
    // The upstream state is consumed, so the error goes to the client, which can start another authorization.
    return redirectErrorToClient(facade, upstream, error, headers);
  }
}

/** Redeems the provider's response and creates the grant. @returns the authorization code */
async function completeSignIn(
  { upstreamProvider, grants, userNames, now, rules }: Facade,
  response: URLSearchParams,
  state: string,
  upstream: UpstreamState & AuthorizationRequest,
  prepared: PreparedGrant,
): Promise<string> {
  const { client, clientName, redirectUri, challenge, scopes, nonce, verifier } = upstream;
  const { identity, tokens } = await upstreamProvider.redeem(response, { state, nonce, verifier });
  const user = await userKey(identity.issuer, identity.subject);
  const sealedName = userNames && identity.name && (await userNames.seal(identity.name, user));
  const at = now();
  const grant: Grant = {
    id: prepared.id,
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
  const sealed = await prepared.seal(JSON.stringify(tokens));
  const code = `hac1_${randomToken()}`;
  await grants.createGrant({
    grant,
    ...(sealedName && { sealedName }),
    tokens: { sealed, version: 1, expiresAt: tokens.expiresAt, refreshedAt: at },
    codeHash: await sha256(code),
    code: { grant: grant.id, user, client, redirectUri, challenge, scopes, expiresAt: at + CODE_SECONDS },
    approval: { user, client, clientName, redirectHost: new URL(redirectUri).host, scopes, at },
  });
  return code;
}
