import type { ScopeSet } from '../../../shared/scope-set.ts';
import { type Grant, isLiveGrant } from '../../access/grant.ts';
import { SignInRefusedError } from '../../identity/upstream-provider.ts';
import type { SealedUpstreamTokens } from '../../identity/upstream-tokens.ts';
import { sha256 } from '../../support/crypto.ts';
import { throughOutage } from '../../support/outage-patience.ts';
import { retry, retryOnConflict } from '../../support/retry-on-conflict.ts';
import type { AuthorizationCode, WriteOutcome } from '../authorization-flow.ts';
import type { SpentAssertion } from '../clients/client-assertion.ts';
import { authenticateClient, type RequestingClient } from '../clients/client-authentication.ts';
import { extendRegistration } from '../clients/client-registration.ts';
import type { Client } from '../clients/oauth-client.ts';
import type { Facade } from '../facade.ts';
import { oauthError } from '../oauth-error.ts';
import { formParameters, type Parameters } from '../request-parameters.ts';
import { requestedScopes } from '../requested-scopes.ts';
import { areOurResources, resourceOf } from '../resource-indicator.ts';
import { mintRefreshToken, readRefreshToken, signAccessToken } from '../tokens/facade-tokens.ts';
import { decideRefresh } from '../tokens/refresh-decision.ts';

/** A code that is presented again this soon is the client's own retry; later it is stolen (OAuth 2.1 §4.1.3). */
const RETRY_SECONDS = 10;

/**
 * Clients answer a 503 of this endpoint with another authorization request, which opens a browser: an outage of some
 * seconds costs time instead. Shorter than `RETRY_SECONDS`, because an attempt that seemed to fail may have used the code.
 */
const PATIENCE_MILLISECONDS = 6_000;

const verifierForm = /^[A-Za-z0-9\-._~]{43,128}$/;

/**
 * `POST /token` (RFC 6749 §3.2). Every step that can fail precedes the write that consumes, so that an error or an outage
 * leaves the code or the refresh token valid.
 */
export async function tokenEndpoint(facade: Facade, request: Request): Promise<Response> {
  const form = await formParameters(request, 'without-query');
  const { clock } = facade;
  const until = clock.now() + PATIENCE_MILLISECONDS;
  const response = await throughOutage(clock, until, () => issueTokens(facade, form, request));
  return Response.json(response, { headers: { 'Cache-Control': 'no-store' } });
}

async function issueTokens(facade: Facade, form: Parameters, request: Request) {
  const client = await authenticateClient(facade, form, request);
  const grantType = form.require('grant_type');
  if (grantType !== 'authorization_code' && grantType !== 'refresh_token') throw oauthError('grant_type_unsupported');
  if (!areOurResources(form.list('resource'), facade.rules.publicUrl)) {
    throw oauthError('resource_unknown', resourceOf(facade.rules.publicUrl));
  }
  return grantType === 'authorization_code' ? redeemCode(facade, form, client) : refresh(facade, form, client);
}

/** The authorization code grant (RFC 6749 §4.1.3). */
async function redeemCode(facade: Facade, form: Parameters, requesting: RequestingClient) {
  const { id: clientId } = requesting;
  const { grants, macKey, now } = facade;
  const codeHash = await sha256(form.require('code'));
  const code = await grants.findCode(codeHash);
  if (!code || code.client !== clientId) throw oauthError('code_unknown');
  await verifyCodeBinding(code, form);
  if (code.usedAt !== undefined) return rejectUsedCode(facade, code, code.usedAt, requesting);
  if (code.expiresAt <= now()) throw oauthError('code_expired');

  const grant = { id: code.grant, user: code.user, client: clientId };
  const response = await tokenResponse(facade, grant, code.scopes, await mintRefreshToken(code.grant, 1, macKey));
  await keepRegistration(facade, requesting.client);
  const outcome = await grants.redeemCode(codeHash, code.grant, now(), requesting.assertion);
  if (outcome === 'conflict') throw oauthError('code_used');
  return unlessReplayed(outcome, response);
}

/** A registration outlives the grants of its client. @throws OAuthError when it has expired */
async function keepRegistration(facade: Facade, client: Client): Promise<void> {
  if (client.identity.kind !== 'self-registered') return;
  if (!(await extendRegistration(client, facade))) throw oauthError('client_unregistered');
}

/** Redirect URI and PKCE (RFC 7636 §4.6). It precedes the check of reuse, so that only the client can revoke its grant. */
async function verifyCodeBinding(code: AuthorizationCode, form: Parameters): Promise<void> {
  const redirectUri = form.get('redirect_uri');
  if (redirectUri !== undefined && redirectUri !== code.redirectUri) throw oauthError('code_redirect_mismatch');
  const verifier = form.get('code_verifier');
  if (!verifier || !verifierForm.test(verifier) || (await sha256(verifier)) !== code.challenge) {
    throw oauthError('code_verifier_mismatch');
  }
}

/** Code reuse: after the time of a retry, it revokes the grant that the code gave. */
async function rejectUsedCode(
  { grants, now, log }: Facade,
  code: AuthorizationCode,
  usedAt: number,
  { assertion }: RequestingClient,
): Promise<never> {
  if (now() - usedAt > RETRY_SECONDS) {
    const outcome = await grants.revokeGrant(code.grant, now(), assertion);
    if (unlessReplayed(outcome, outcome) === 'written') log('code_reuse', { client: code.client, grant: code.grant });
  }
  throw oauthError('code_used');
}

/** The refresh token grant (RFC 6749 §6). It starts over when a concurrent refresh changed the grant. */
async function refresh(facade: Facade, form: Parameters, { id: clientId, client, assertion }: RequestingClient) {
  const { grants, macKey, now, rules, log } = facade;
  const presented = await readRefreshToken(form.require('refresh_token'), macKey);
  if (!presented) throw oauthError('refresh_token_invalid');
  return retryOnConflict({ service: 'The session table', item: `grant ${presented.grant}` }, async () => {
    const { grant, tokens: sealed } = await grants.findGrant(presented.grant);
    if (!isLiveGrant(grant, now()) || grant.client !== clientId) throw oauthError('refresh_token_invalid');
    const scopes = narrowedScopes(form.get('scope'), grant.scopes, rules.scopes);
    const decision = decideRefresh(grant.refresh, presented.generation, now(), rules.refreshWindowSeconds);
    if (decision.kind === 'unknown') throw oauthError('refresh_token_invalid');
    if (decision.kind === 'reuse') {
      const outcome = await grants.revokeGrant(grant.id, now(), assertion);
      if (unlessReplayed(outcome, outcome) === 'written') log('refresh_reuse', { client: clientId, grant: grant.id });
      throw oauthError('refresh_token_invalid');
    }
    const groups = (await verifyUpstreamAccess(facade, grant, sealed)) ?? grant.groups;
    await keepRegistration(facade, client);
    const next = { refresh: decision.state, groups };
    const refreshToken = await mintRefreshToken(grant.id, next.refresh.head, macKey);
    const response = await tokenResponse(facade, grant, scopes, refreshToken);
    const outcome = await rotate(facade, grant, next, assertion);
    return outcome === 'conflict' ? retry : unlessReplayed(outcome, response);
  });
}

/** Stores the next state of the grant, unless nothing has changed, and marks the assertion as used. */
async function rotate(
  { grants, assertions, now, rules }: Facade,
  grant: Grant,
  next: Pick<Grant, 'refresh' | 'groups'>,
  assertion: SpentAssertion | undefined,
): Promise<WriteOutcome> {
  if (next.refresh !== grant.refresh || !isSame(next.groups, grant.groups)) {
    const change = { ...next, idleExpiresAt: now() + rules.grantIdleSeconds };
    return grants.rotate(grant.id, grant.refresh.head, change, assertion);
  }
  if (!assertion) return 'written';
  const { hash, expiresAt } = assertion;
  return (await assertions.spendAssertion(hash, now(), expiresAt)) ? 'written' : 'assertion-replayed';
}

const isSame = (some: readonly string[], others: readonly string[]) =>
  some.length === others.length && some.every((each, index) => each === others[index]);

function unlessReplayed<T>(outcome: WriteOutcome, value: T): T {
  if (outcome === 'assertion-replayed') throw oauthError('assertion_replayed');
  return value;
}

/**
 * Refreshes the upstream tokens when they are due; a grant that the identity provider ended is revoked.
 * @returns the user's groups, if the provider states them
 */
async function verifyUpstreamAccess(
  { upstreamTokens, grants, now, log }: Facade,
  grant: Grant,
  sealed: SealedUpstreamTokens | undefined,
): Promise<string[] | undefined> {
  try {
    return await upstreamTokens.ensure(grant, sealed);
  } catch (error) {
    if (!(error instanceof SignInRefusedError)) throw error;
    log('upstream_ended_grant', { grant: grant.id, reason: error.reason });
    await grants.revokeGrant(grant.id, now());
    throw oauthError('refresh_token_invalid');
  }
}

/** The requested scopes, all of which must be granted (RFC 6749 §6); without a known one, those of the grant. */
function narrowedScopes(requested: string | undefined, granted: readonly string[], set: ScopeSet): readonly string[] {
  const names = requestedScopes(requested, set) ?? granted;
  const ungranted = names.find((name) => !granted.includes(name));
  if (ungranted !== undefined) throw oauthError('scope_not_granted', ungranted);
  return names;
}

/** The token response (RFC 6749 §5.1). */
async function tokenResponse(
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
