import { PERSONAL_TOKEN_CLIENT, PERSONAL_TOKEN_PREFIX } from '../../../shared/personal-token.ts';
import type { Grant } from '../../access/grant.ts';
import type { UpstreamIdentity } from '../../identity/upstream-provider.ts';
import { randomId } from '../../support/crypto.ts';
import { visibleText } from '../../support/untrusted-text.ts';
import type { Facade } from '../facade.ts';
import { resourceOf } from '../resource-indicator.ts';
import { signAccessToken } from './facade-tokens.ts';

/** The user of a personal access token: that of a sign-in to the dashboard, or of another grant. */
export type TokenUser = Pick<UpstreamIdentity, 'issuer' | 'subject' | 'groups'> & { user: string };

/** The user's choice, which nothing has validated. */
export type PersonalTokenRequest = { name?: unknown; scopes?: unknown; days?: unknown };

/** The only response that contains the token. Times are epoch milliseconds. */
export type PersonalToken = { token: string; grant: string; expiresAt: number };

/** The request is not valid. Its message is for the user. */
export class PersonalTokenError extends Error {
  override readonly name = 'PersonalTokenError';
}

const LONGEST_NAME = 60;
const DAY_SECONDS = 86_400;

/**
 * Makes a token. Its grant is stored last, so that a failure leaves nothing behind; the token is not stored.
 *
 * @param store stores the grant; false when the user is signed out meanwhile
 * @returns undefined when the grant is not stored
 * @throws PersonalTokenError
 */
export async function makePersonalToken(
  { rules, now, log, ...keys }: Pick<Facade, 'rules' | 'signer' | 'publicKeys' | 'now' | 'log'>,
  { user, issuer, subject, groups }: TokenUser,
  request: PersonalTokenRequest,
  store: (grant: Grant) => Promise<boolean>,
): Promise<PersonalToken | undefined> {
  const { name, scopes, seconds } = validRequest(request, rules);
  const createdAt = now();
  const expiresAt = createdAt + seconds;
  const grant: Grant = {
    id: randomId(),
    status: 'active',
    user,
    issuer,
    subject,
    client: PERSONAL_TOKEN_CLIENT,
    clientName: name,
    scopes,
    groups,
    createdAt,
    absoluteExpiresAt: expiresAt,
    idleExpiresAt: expiresAt,
    // It has no refresh token: no client can authenticate as this one.
    refresh: { head: 1, predecessor: 0, superseded: {} },
  };
  const { publicUrl } = rules;
  const options = { issuer: publicUrl, audience: resourceOf(publicUrl), lifetimeSeconds: seconds, now: createdAt };
  const token = await signAccessToken(grant, scopes, options, keys);
  if (!(await store(grant))) return undefined;
  log('personal_token_created', { user, grant: grant.id, expiresAt: new Date(expiresAt * 1000).toISOString() });
  return { token: `${PERSONAL_TOKEN_PREFIX}${token}`, grant: grant.id, expiresAt: expiresAt * 1000 };
}

function validRequest(
  { name, scopes, days }: PersonalTokenRequest,
  { scopes: set, personalTokenDays }: Facade['rules'],
) {
  if (personalTokenDays === undefined) throw new PersonalTokenError('Personal access tokens are switched off');
  const shown = typeof name === 'string' ? visibleText(name) : '';
  if (shown === '' || shown.length > LONGEST_NAME) {
    throw new PersonalTokenError(`name: write 1 to ${LONGEST_NAME} characters`);
  }
  const known = Object.keys(set.scopes).filter((scope) => Array.isArray(scopes) && scopes.includes(scope));
  if (!Array.isArray(scopes) || known.length === 0 || known.length < new Set(scopes).size) {
    throw new PersonalTokenError(`scopes: choose from ${Object.keys(set.scopes).join(', ')}`);
  }
  if (typeof days !== 'number' || !Number.isInteger(days) || days < 1 || days > personalTokenDays) {
    throw new PersonalTokenError(`days: write a whole number from 1 to ${personalTokenDays}`);
  }
  return { name: shown, scopes: known, seconds: days * DAY_SECONDS };
}
