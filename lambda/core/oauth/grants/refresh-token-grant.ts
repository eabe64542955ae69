import type { ScopeSet } from '../../../shared/scope-set.ts';
import { type Grant, isLiveGrant } from '../../access/grant.ts';
import { SignInRefusedError } from '../../identity/upstream-provider.ts';
import type { SealedUpstreamTokens } from '../../identity/upstream-tokens.ts';
import { retry, retryOnConflict } from '../../support/retry-on-conflict.ts';
import type { WriteOutcome } from '../authorization-flow.ts';
import type { SpentAssertion } from '../clients/client-assertion.ts';
import type { Facade } from '../facade.ts';
import { oauthError } from '../oauth-error.ts';
import { requestedScopes } from '../requested-scopes.ts';
import { mintRefreshToken, readRefreshToken } from '../tokens/facade-tokens.ts';
import { decideRefresh } from '../tokens/refresh-decision.ts';
import {
  type GrantHandler,
  keepRegistration,
  requestingClient,
  tokenResponse,
  unlessReplayed,
} from './grant-handler.ts';

/** The refresh token grant (RFC 6749 §6). It starts over when a concurrent refresh changed the grant. */
export const refresh: GrantHandler = async (facade, form, request) => {
  const { id: clientId, client, assertion } = await requestingClient(facade, form, request);
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
    const response = await tokenResponse(facade, grant, scopes, { refreshToken });
    const outcome = await rotate(facade, grant, next, assertion);
    return outcome === 'conflict' ? retry : unlessReplayed(outcome, response);
  });
};

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
