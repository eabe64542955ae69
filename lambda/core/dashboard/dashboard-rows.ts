import { type Grant, isLiveGrant } from '../access/grant.ts';
import type { User } from '../admin/directory.ts';
import { sessionSummaryById } from '../admin/session-list.ts';
import type { SessionSummary } from '../admin/session-summary.ts';
import { callName, type ToolCall } from '../audit/tool-call.ts';
import {
  type CallRow,
  clientOf,
  type GrantRow,
  type IdSearchResult,
  type SessionRow,
  type UserRow,
} from './dashboard-api.ts';
import type { Dashboard } from './dashboard-dependencies.ts';
import { mustBeShown, type Visitor } from './dashboard-guard.ts';

/** What is on record as the page shows it. */

/** Users' names, for those that have one that can be read. */
export async function namesOf(
  { directory, userNames }: Pick<Dashboard, 'directory' | 'userNames'>,
  keys: string[],
): Promise<(user: string) => { userName?: string }> {
  const known = new Map<string, string>();
  if (userNames) {
    const distinct = [...new Set(keys)];
    for (let first = 0; first < distinct.length; first += 100) {
      const users = await directory.users(distinct.slice(first, first + 100));
      await Promise.all(
        users.map(async ({ user, sealedName }) => {
          const name = sealedName && (await userNames.open(sealedName, user));
          if (name) known.set(user, name);
        }),
      );
    }
  }
  return (user) => {
    const userName = known.get(user);
    return userName === undefined ? {} : { userName };
  };
}

type Parts = Pick<Dashboard, 'directory' | 'userNames'>;

const usersOf = (items: { user: string }[]) => items.map(({ user }) => user);

export async function callRows(parts: Parts, calls: ToolCall[]): Promise<CallRow[]> {
  const name = await namesOf(parts, usersOf(calls));
  return calls.map((call) => ({ ...call, clientLabel: clientOf(call), ...name(call.user) }));
}

export async function sessionRows(parts: Parts, records: SessionSummary[]): Promise<SessionRow[]> {
  const name = await namesOf(parts, usersOf(records));
  return records.map((record) => ({ ...record, clientLabel: clientOf(record), ...name(record.user) }));
}

/** @param now epoch seconds */
export async function grantRows(
  { grantIdleSeconds, ...parts }: Parts & { grantIdleSeconds: number },
  grants: Grant[],
  now: number,
): Promise<GrantRow[]> {
  const name = await namesOf(parts, usersOf(grants));
  return grants.map((grant) => ({
    id: grant.id,
    user: grant.user,
    ...name(grant.user),
    client: grant.client,
    clientName: grant.clientName,
    scopes: grant.scopes,
    status: grant.status === 'revoked' ? 'revoked' : isLiveGrant(grant, now) ? 'active' : 'expired',
    createdAt: grant.createdAt * 1000,
    // Each renewal moves the idle end on.
    renewedAt: Math.max(grant.createdAt, grant.idleExpiresAt - grantIdleSeconds) * 1000,
    endsAt: Math.min(grant.idleExpiresAt, grant.absoluteExpiresAt) * 1000,
    ...(grant.revokedAt !== undefined && { revokedAt: grant.revokedAt * 1000 }),
  }));
}

export async function userRows(parts: Parts, users: User[]): Promise<UserRow[]> {
  const name = await namesOf(parts, usersOf(users));
  return users.map(({ user, firstSignInAt, lastSignInAt }) => ({
    user,
    ...name(user),
    firstSignInAt: firstSignInAt * 1000,
    lastSignInAt: lastSignInAt * 1000,
  }));
}

/** A call by its whole name: no index is kept for ids that are seldom looked for. */
const callId = /^(?<session>.+)~(?<call>\d{15}#[\w-]+)$/;

/** What an id stands for. @throws DashboardError for what there is not, or is not the visitor's to see */
export async function find(dashboard: Dashboard, visitor: Visitor, id: string): Promise<IdSearchResult> {
  const { directory } = dashboard;
  const { session: ofSession, call } = callId.exec(id)?.groups ?? {};
  if (ofSession !== undefined && call !== undefined) {
    const [found] =
      (await dashboard.calls.latestOf(ofSession, { limit: 1, before: `${call}~`, now: dashboard.seconds() })) ?? [];
    mustBeShown(visitor, found && callName(found) === call ? found : undefined);
    return { kind: 'call', session: ofSession, call };
  }
  const [session, [grant], [user]] = await Promise.all([
    sessionSummaryById(dashboard, id),
    directory.grants([id]),
    directory.users([id]),
  ]);
  if (session) {
    mustBeShown(visitor, session);
    return { kind: 'session', session: id };
  }
  if (grant) {
    mustBeShown(visitor, grant);
    return { kind: 'grant', grant: id, user: grant.user };
  }
  mustBeShown(visitor, user);
  return { kind: 'user', user: id };
}
