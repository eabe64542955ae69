import type { Grant, GrantOrigin } from '../../access/grant.ts';
import { serviceKey, userKey } from '../../access/user-key.ts';
import { sha256 } from '../../support/crypto.ts';
import { retry, retryOnConflict } from '../../support/retry-on-conflict.ts';
import type { WriteOutcome } from '../authorization-flow.ts';
import type { SpentAssertion } from '../clients/client-assertion.ts';
import { isAdmitted, type RateLimit } from '../clients/rate-limit.ts';
import type { Facade } from '../facade.ts';
import { oauthError } from '../oauth-error.ts';
import { type TokenResponse, tokenResponse } from './grant-handler.ts';

/** The user and the client of a grant that no sign-in gives. */
export type StandingPrincipal = {
  origin: GrantOrigin;
  issuer: string;
  subject: string;
  client: string;
  clientName: string;
  groups: string[];
  /** All that its tokens may have. */
  scopes: string[];
};

/** A matrix of a hundred jobs that start at once, and one more token each second. */
const EACH_PRINCIPAL: RateLimit = { intervalSeconds: 1, burst: 100 };

/** A grant in use is extended once a day, so that a token request rarely costs a write. */
const EXTENSION_SECONDS = 24 * 3600;

/**
 * An access token under the standing grant of the principal. There is one for each user and client: its id is a digest of
 * both, so a revocation ends every token at its next request, and no further token is issued until the operator allows it.
 * There is no refresh token.
 *
 * @param scopes of the token
 * @param assertions are used up by the request
 * @throws OAuthError for a revoked grant, a used assertion, or too many requests
 */
export async function issueUnderStandingGrant(
  facade: Facade,
  principal: StandingPrincipal,
  scopes: readonly string[],
  assertions: readonly SpentAssertion[],
): Promise<TokenResponse> {
  const { grants, now, rules } = facade;
  const { origin, issuer, subject, client } = principal;
  const isService = origin !== 'enterprise';
  const id = await sha256(JSON.stringify([origin, issuer, subject, client]));
  const user = await (isService ? serviceKey : userKey)(issuer, subject);
  if (!(await isAdmitted(facade, `grant:${id}`, EACH_PRINCIPAL))) throw oauthError('token_requests_limited');
  return retryOnConflict({ service: 'The session table', item: `grant ${id}` }, async () => {
    const { grant } = await grants.findGrant(id);
    if (grant?.status === 'revoked') throw oauthError('grant_revoked', id);
    const at = now();
    const expiresAt = at + rules.grantIdleSeconds;
    const next: Grant = {
      id,
      status: 'active',
      user,
      ...(isService && { kind: 'service' }),
      ...principal,
      createdAt: grant && grant.absoluteExpiresAt > at ? grant.createdAt : at,
      absoluteExpiresAt: expiresAt,
      idleExpiresAt: expiresAt,
      // No generation: there is no refresh token.
      refresh: { head: 0, predecessor: 0, superseded: {} },
    };
    const lifetimeSeconds = rules.machineTokenSeconds;
    const response = await tokenResponse(facade, { id, user, client }, scopes, { lifetimeSeconds });
    const outcome = await store(facade, grant, next, assertions);
    if (outcome === 'assertion-replayed') {
      throw oauthError(origin === 'client-credentials' ? 'assertion_replayed' : 'grant_assertion_replayed');
    }
    return outcome === 'conflict' ? retry : response;
  });
}

/** Whether the stored grant differs by less than a day's use. */
const isCurrent = (stored: Grant, next: Grant) =>
  next.idleExpiresAt - stored.idleExpiresAt < EXTENSION_SECONDS &&
  stored.clientName === next.clientName &&
  same(stored.groups, next.groups) &&
  same(stored.scopes, next.scopes);

const same = (some: readonly string[], others: readonly string[]) =>
  some.length === others.length && some.every((each, index) => each === others[index]);

/** Stores the next state of the grant, unless it is stored, and uses the assertions up. */
async function store(
  { grants, assertions, now }: Facade,
  stored: Grant | undefined,
  next: Grant,
  used: readonly SpentAssertion[],
): Promise<WriteOutcome> {
  const [only, ...others] = used;
  if (!stored || !isCurrent(stored, next) || others.length > 0) return grants.keepStandingGrant(next, now(), used);
  if (!only) return 'written';
  return (await assertions.spendAssertion(only.hash, now(), only.expiresAt)) ? 'written' : 'assertion-replayed';
}
