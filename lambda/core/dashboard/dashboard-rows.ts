import { isPersonal } from '../../shared/personal-token.ts';
import { isLiveGrant, kindOf } from '../access/grant.ts';
import type { ListedGrant, User } from '../admin/directory.ts';
import { sessionSummaryById } from '../admin/session-list.ts';
import type { SessionSummary } from '../admin/session-summary.ts';
import { callName, clientOf, type ToolCall } from '../audit/tool-call.ts';
import type { CallRow, GrantRow, IdSearchResult, SessionRow, TokenRow, UserRow } from './dashboard-api.ts';
import type { Dashboard } from './dashboard-dependencies.ts';
import { requireVisible, type Visitor } from './dashboard-guard.ts';

/** Looks up names of users. Absent: not stored, or not possible to unseal. */
export async function namesOf(
  { directory, userNames }: Pick<Dashboard, 'directory' | 'userNames'>,
  keys: string[],
): Promise<(user: string) => { userName?: string }> {
  const names = new Map<string, string>();
  if (userNames) {
    const distinct = [...new Set(keys)];
    for (let first = 0; first < distinct.length; first += 100) {
      const users = await directory.users(distinct.slice(first, first + 100));
      await Promise.all(
        users.map(async ({ user, sealedName }) => {
          const name = sealedName && (await userNames.open(sealedName, user));
          if (name) names.set(user, name);
        }),
      );
    }
  }
  return (user) => {
    const userName = names.get(user);
    return userName === undefined ? {} : { userName };
  };
}

type RowDependencies = Pick<Dashboard, 'directory' | 'userNames'>;

const usersOf = (items: { user: string }[]) => items.map(({ user }) => user);

export async function callRows(dependencies: RowDependencies, calls: ToolCall[]): Promise<CallRow[]> {
  const name = await namesOf(dependencies, usersOf(calls));
  return calls.map((call) => ({ ...call, clientLabel: clientOf(call), ...name(call.user) }));
}

export async function sessionRows(dependencies: RowDependencies, summaries: SessionSummary[]): Promise<SessionRow[]> {
  const name = await namesOf(dependencies, usersOf(summaries));
  return summaries.map((summary) => ({ ...summary, clientLabel: clientOf(summary), ...name(summary.user) }));
}

/** @param now epoch seconds */
export async function grantRows(
  { grantIdleSeconds, ...dependencies }: RowDependencies & { grantIdleSeconds: number },
  grants: ListedGrant[],
  now: number,
): Promise<GrantRow[]> {
  const name = await namesOf(dependencies, usersOf(grants));
  return grants.map((grant) => ({
    id: grant.id,
    user: grant.user,
    ...name(grant.user),
    kind: kindOf(grant),
    client: grant.client,
    clientName: grant.clientName,
    isToken: isPersonal(grant),
    scopes: grant.scopes,
    status: grant.status === 'revoked' ? 'revoked' : isLiveGrant(grant, now) ? 'active' : 'expired',
    createdAt: grant.createdAt * 1000,
    // Each refresh sets the idle expiry anew. A personal access token has none.
    renewedAt: (grant.lastSeenAt ?? renewalOf(grant, grantIdleSeconds)) * 1000,
    ...(Number.isFinite(grant.idleExpiresAt) && {
      endsAt: Math.min(grant.idleExpiresAt, grant.absoluteExpiresAt) * 1000,
    }),
    ...(grant.revokedAt !== undefined && { revokedAt: grant.revokedAt * 1000 }),
  }));
}

const renewalOf = (grant: ListedGrant, idleSeconds: number) =>
  isPersonal(grant) ? grant.createdAt : Math.max(grant.createdAt, grant.idleExpiresAt - idleSeconds);

/** Sessions of a user that are read for the last use of tokens. */
const MOST_SESSIONS = 200;

/** @param grants of personal access tokens of the user */
export async function tokenRows(
  dependencies: Pick<Dashboard, 'directory' | 'userNames' | 'grantIdleSeconds' | 'seconds'>,
  grants: ListedGrant[],
  user: string,
): Promise<TokenRow[]> {
  if (grants.length === 0) return [];
  const [rows, sessions] = await Promise.all([
    grantRows(dependencies, grants, dependencies.seconds()),
    dependencies.directory.sessionsOf(user, { limit: MOST_SESSIONS }),
  ]);
  return rows.map((row, index) => {
    const uses = sessions.items.filter(({ grant }) => grant === row.id).map(({ lastSeenAt }) => lastSeenAt * 1000);
    const endsAt = grants[index]!.absoluteExpiresAt * 1000;
    return { ...row, endsAt, ...(uses.length > 0 && { lastUsedAt: Math.max(...uses) }) };
  });
}

export async function userRows(dependencies: RowDependencies, users: User[]): Promise<UserRow[]> {
  const name = await namesOf(dependencies, usersOf(users));
  return users.map(({ user, firstSignInAt, lastSignInAt }) => ({
    user,
    ...name(user),
    firstSignInAt: firstSignInAt * 1000,
    lastSignInAt: lastSignInAt * 1000,
  }));
}

/** A call by session and `callName`: call ids have no index. */
const callId = /^(?<session>.+)~(?<call>\d{15}#[\w-]+)$/;

/** Finds the item of an id. @throws DashboardError for an unknown id and for another user's item */
export async function findById(dashboard: Dashboard, visitor: Visitor, id: string): Promise<IdSearchResult> {
  const { directory } = dashboard;
  const { session: ofSession, call } = callId.exec(id)?.groups ?? {};
  if (ofSession !== undefined && call !== undefined) {
    const [found] =
      (await dashboard.calls.latestOf(ofSession, { limit: 1, before: `${call}~`, now: dashboard.seconds() })) ?? [];
    requireVisible(visitor, found && callName(found) === call ? found : undefined);
    return { kind: 'call', session: ofSession, call };
  }
  const [session, [grant], [user]] = await Promise.all([
    sessionSummaryById(dashboard, id),
    directory.grants([id]),
    directory.users([id]),
  ]);
  if (session) {
    requireVisible(visitor, session);
    return { kind: 'session', session: id };
  }
  if (grant) {
    requireVisible(visitor, grant);
    return { kind: 'grant', grant: id, user: grant.user };
  }
  requireVisible(visitor, user);
  return { kind: 'user', user: id };
}
