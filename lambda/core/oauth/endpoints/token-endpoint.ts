import { type Grant, isLiveGrant } from '../../access/grant.ts';
import { SignInRefusedError } from '../../identity/upstream-provider.ts';
import { sha256 } from '../../support/crypto.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import { authenticateClient, type RequestingClient } from '../clients/client-authentication.ts';
import { noteUse } from '../clients/client-registration.ts';
import { findClient } from '../clients/find-client.ts';
import type { Facade } from '../facade.ts';
import { OAuthError } from '../oauth-error.ts';
import { formParameters, type Parameters } from '../request-parameters.ts';
import { mintRefreshToken, readRefreshToken, signAccessToken } from '../tokens/facade-tokens.ts';
import { decideRefresh } from '../tokens/refresh-decision.ts';
import { isOurResource, resourceOf } from './oauth-metadata.ts';

/** A code that comes back this soon is a client's own retry; later it has been stolen (OAuth 2.1 §4.1.3). */
const RETRY_SECONDS = 10;
/** How often a refresh reads again when another one was faster. */
const ATTEMPTS = 5;

const verifierForm = /^[A-Za-z0-9\-._~]{43,128}$/;

/**
 * `POST /token` (RFC 6749 §3.2). Whatever can fail comes before the write that consumes: an error or an outage leaves
 * the code or the refresh token as good as it was.
 */
export async function tokenEndpoint(facade: Facade, request: Request): Promise<Response> {
  const form = await formParameters(request);
  const client = await authenticateClient(facade, form, request);
  const grantType = form.require('grant_type');
  if (grantType !== 'authorization_code' && grantType !== 'refresh_token') {
    throw new OAuthError('unsupported_grant_type', 'grant_type must be authorization_code or refresh_token');
  }
  if (!isOurResource(form.get('resource'), facade.rules.publicUrl)) {
    throw new OAuthError('invalid_target', `resource must be ${resourceOf(facade.rules.publicUrl)}`);
  }
  const answer =
    grantType === 'authorization_code' ? await redeemCode(facade, form, client) : await refresh(facade, form, client);
  return Response.json(answer, { headers: { 'Cache-Control': 'no-store' } });
}

async function redeemCode(facade: Facade, form: Parameters, requesting: RequestingClient) {
  const { id: clientId, spend } = requesting;
  const { clients, grants, macKey, now } = facade;
  const codeHash = await sha256(form.require('code'));
  const code = await grants.findCode(codeHash);
  const wrong = (what: string) => new OAuthError('invalid_grant', what);
  const unregistered = () => new OAuthError('invalid_client', 'this client is not registered here: register again');
  if (!code || code.client !== clientId) {
    if (!requesting.client && !(await findClient(facade, clientId))) throw unregistered();
    throw wrong('the code is unknown, or another client’s');
  }
  const redirectUri = form.get('redirect_uri');
  if (redirectUri !== undefined && redirectUri !== code.redirectUri)
    throw wrong('redirect_uri differs from the request');
  const verifier = form.get('code_verifier');
  if (!verifier || !verifierForm.test(verifier) || (await sha256(verifier)) !== code.challenge) {
    throw wrong('code_verifier does not match the challenge');
  }
  if (code.usedAt !== undefined) {
    if (now() - code.usedAt > RETRY_SECONDS) {
      await spend();
      facade.log('code_reuse', { client: clientId, grant: code.grant });
      await grants.revokeGrant(code.grant, now());
    }
    throw wrong('the code has been used');
  }
  if (code.expiresAt <= now()) throw wrong('the code has expired');

  const grant = { id: code.grant, user: code.user, client: clientId };
  const answer = await tokens(facade, grant, code.scopes, await mintRefreshToken(code.grant, 1, macKey));
  if (!requesting.client && !(await noteUse(clientId, clients, now()))) throw unregistered();
  await spend();
  if (!(await grants.redeemCode(codeHash, now()))) throw wrong('the code has been used');
  return answer;
}

async function refresh(facade: Facade, form: Parameters, { id: clientId, spend }: RequestingClient) {
  const { grants, upstreamTokens, macKey, now, rules, log } = facade;
  const presented = await readRefreshToken(form.require('refresh_token'), macKey);
  const invalid = () => new OAuthError('invalid_grant', 'the refresh token is not valid: sign in again');
  if (!presented) throw invalid();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { grant, tokens: sealed } = await grants.findGrant(presented.grant);
    if (!isLiveGrant(grant, now()) || grant.client !== clientId) throw invalid();
    const scopes = narrowed(form.get('scope'), grant.scopes);
    const decision = decideRefresh(grant.refresh, presented.generation, now(), rules.refreshWindowSeconds);
    if (decision.kind === 'unknown') throw invalid();
    if (decision.kind === 'reuse') {
      await spend();
      log('refresh_reuse', { client: clientId, grant: grant.id });
      await grants.revokeGrant(grant.id, now());
      throw invalid();
    }
    try {
      await upstreamTokens.ensure(grant.id, sealed);
    } catch (error) {
      if (!(error instanceof SignInRefusedError)) throw error;
      log('upstream_ended_grant', { grant: grant.id, reason: error.reason });
      await grants.revokeGrant(grant.id, now());
      throw invalid();
    }
    const next = decision.state;
    const answer = await tokens(facade, grant, scopes, await mintRefreshToken(grant.id, next.head, macKey));
    await spend();
    if (next === grant.refresh) return answer;
    if (await grants.rotate(grant.id, grant.refresh.head, next, now() + rules.grantIdleSeconds)) return answer;
  }
  throw new ServiceUnavailableError(
    'The session table',
    new Error(`the grant changed ${ATTEMPTS} times during one refresh`),
  );
}

/** The scopes asked for, none of which may be more than was granted (RFC 6749 §6). */
function narrowed(asked: string | undefined, granted: readonly string[]): readonly string[] {
  if (asked === undefined) return granted;
  const words = asked.split(' ').filter((word) => word !== '' && word !== 'offline_access');
  const more = words.find((word) => !granted.includes(word));
  if (more !== undefined) throw new OAuthError('invalid_scope', `${more.slice(0, 100)} was not granted`);
  return words.length > 0 ? [...new Set(words)] : granted;
}

/** The token response (RFC 6749 §5.1). */
async function tokens(
  { rules, signer, now }: Facade,
  grant: Pick<Grant, 'id' | 'user' | 'client'>,
  scopes: readonly string[],
  refreshToken: string,
) {
  const accessToken = await signAccessToken(
    grant,
    scopes,
    {
      issuer: rules.publicUrl,
      audience: resourceOf(rules.publicUrl),
      lifetimeSeconds: rules.accessTokenSeconds,
      now: now(),
    },
    signer,
  );
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: rules.accessTokenSeconds,
    refresh_token: refreshToken,
    scope: scopes.join(' '),
  };
}
