import type { Caller } from '../../core/access/caller.ts';
import type { Grant } from '../../core/access/grant.ts';
import type { GrantStore } from '../../core/oauth/authorization-flow.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;

/**
 * Stores a grant of the user, without a sign-in: for tests.
 *
 * @param user the key of the user
 * @param start time of the sign-in, epoch seconds
 * @returns the caller of its access token, which is valid for 1,000 hours
 */
export async function signedInCaller(
  grants: Pick<GrantStore, 'createGrant'>,
  user: string,
  start: number,
  change: Partial<Grant> = {},
): Promise<Caller> {
  const grant: Grant = {
    id: `grant-of-${user}`,
    status: 'active',
    user,
    issuer: 'https://idp.example',
    subject: user,
    client: 'dcr_1',
    clientName: 'Test',
    scopes: ['mcp'],
    groups: [],
    createdAt: start,
    absoluteExpiresAt: start + 90 * DAY,
    idleExpiresAt: start + 30 * DAY,
    refresh: { head: 1, predecessor: 0, superseded: {} },
    ...change,
  };
  const { id, client, clientName, scopes } = grant;
  const code = { grant: id, user, client, redirectUri: '', challenge: '', scopes: [], expiresAt: 0 };
  const approval = { user, client, clientName, redirectHost: '', scopes: [], at: start };
  const tokens = { sealed: '', version: 1, expiresAt: 0, refreshedAt: 0 };
  await grants.createGrant({ grant, tokens, codeHash: id, code, approval });
  return { user, grant: id, client, scopes, expiresAt: start + 1000 * HOUR };
}
