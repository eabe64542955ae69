import { isLiveGrant } from '../access/grant.ts';
import type { User } from '../admin/directory.ts';
import { type Aggregates, mergeAggregates, steps } from '../audit/aggregates.ts';
import { hashNames, isComplete } from '../audit/samples.ts';
import type { UserActivityRow } from './dashboard-api.ts';
import type { Dashboard } from './dashboard-dependencies.ts';
import { userRows } from './dashboard-rows.ts';
import { ofCalls, periodsOfAllUsers } from './overview-periods.ts';

const DAYS = 30;
/** Grants of a user that are read for the names of clients. */
const MOST_GRANTS = 20;

/** Users with their activity: two queries for each, and the aggregates of 30 days. */
export async function userActivityRows(dashboard: Dashboard, users: User[]): Promise<UserActivityRow[]> {
  const now = dashboard.now();
  const filter = { from: now - DAYS * steps.day, to: now + 1 };
  const [rows, { periods, completeSince }] = await Promise.all([
    userRows(dashboard, users),
    periodsOfAllUsers(ofCalls, dashboard, filter, 'day'),
  ]);
  const whole = mergeAggregates(periods.map(({ aggregates }) => aggregates));
  return Promise.all(
    rows.map(async (row) => ({
      ...row,
      ...(completeSince === undefined && (await callsOf(row.user, whole))),
      ...(await clientsOf(row.user, dashboard)),
    })),
  );
}

async function callsOf(user: string, { users }: Aggregates): Promise<Pick<UserActivityRow, 'calls' | 'errors'>> {
  const [hash] = Object.keys(await hashNames([[user, null]]));
  const found = users[hash!] ?? (hash! in users || !isComplete(users) ? undefined : [0, 0]);
  return found ? { calls: found[0]!, errors: found[1]! } : {};
}

async function clientsOf(
  user: string,
  { directory, seconds }: Dashboard,
): Promise<Pick<UserActivityRow, 'lastSeenAt' | 'clients'>> {
  const [sessions, grants] = await Promise.all([
    directory.sessionsOf(user, { limit: 1 }),
    directory.grantsOf(user, { limit: MOST_GRANTS }),
  ]);
  const [latest] = sessions.items;
  const live = grants.items.filter((grant) => isLiveGrant(grant, seconds()));
  return {
    clients: [...new Set(live.map(({ clientName }) => clientName))],
    ...(latest && { lastSeenAt: latest.lastSeenAt * 1000 }),
  };
}
