import { createHash } from 'node:crypto';
import { dynamoAggregateReader } from '../../lambda/adapters/dynamodb/aggregate-reader.ts';
import { dynamoAggregateStore } from '../../lambda/adapters/dynamodb/aggregate-store.ts';
import { dynamoAuditLogReader } from '../../lambda/adapters/dynamodb/audit-log-reader.ts';
import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit-log-writer.ts';
import { dynamoDashboardSessionStore } from '../../lambda/adapters/dynamodb/dashboard-session-store.ts';
import { dynamoDirectory } from '../../lambda/adapters/dynamodb/directory-queries.ts';
import { dynamoErasureStore } from '../../lambda/adapters/dynamodb/erasure-store.ts';
import { dynamoRevocationStore } from '../../lambda/adapters/dynamodb/revocation-store.ts';
import type { TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import { CallSearch } from '../../lambda/core/admin/call-search.ts';
import { startOf, steps } from '../../lambda/core/audit/aggregates.ts';
import { aggregateCalls } from '../../lambda/core/audit/call-aggregation.ts';
import type { AuditLogWriter } from '../../lambda/core/audit/tool-call.ts';
import type { Dashboard } from '../../lambda/core/dashboard/dashboard-dependencies.ts';
import { handleDashboardRequest } from '../../lambda/core/dashboard/dashboard-routes.ts';
import { Sessions } from '../../lambda/core/sessions/sessions.ts';
import { callExpiry, recordedSessions, type Visitor } from './generated-items.ts';
import { NOW, RARE_TOOL, RETENTION_DAYS, type World } from './generated-world.ts';

const ORIGIN = 'https://holdfast.example';
const COOKIE = 'c'.repeat(43);
const SESSION_SECONDS = 24 * 3600;
const csrf = createHash('sha256').update(`csrf\n${COOKIE}`).digest('base64url');

/** The owner whose dashboard it is: the second user of the world. */
export const ownerOf = (world: World): Visitor => ({
  cookieHash: createHash('sha256').update(COOKIE).digest('base64url'),
  visit: { user: world.userKey(1), groups: ['admins'], expiresAt: Math.floor(NOW / 1000) + 3600 },
});

/** Something whose cost is looked at. */
export type View = {
  name: string;
  group: Group;
  /** @returns what was answered, to be held against what another table answers */
  work: (table: TableConnection, world: World) => Promise<unknown>;
  /** What has to be so before. */
  prepare?: (table: TableConnection, world: World) => Promise<unknown>;
};

/** What is shown in one picture. */
export const groups = {
  requests: 'A request to /mcp, its record, and the rollup',
  charts: 'The charts of the dashboard',
  calls: 'Calls',
  lists: 'Sessions, grants, users',
  endings: 'Revocation and erasure',
} as const;
export type Group = keyof typeof groups;

/** Everything, each at the time when the world is looked at. */
export const views: View[] = [
  { name: 'request in a session (station 2)', group: 'requests', work: resume },
  { name: 'recording a call', group: 'requests', prepare: record, work: record },
  { name: 'recording a session’s first in 5 minutes', group: 'requests', work: recordFirst },
  { name: 'rollup of five minutes', group: 'requests', work: (table) => rollup(table, NOW + 15_000) },
  {
    name: 'rollup at the end of a day',
    group: 'requests',
    prepare: beforeMidnight,
    work: (table) => rollup(table, midnight + 75_000),
  },
  ...([1, 24, 7 * 24, 30 * 24] as const).map((hours) => ({
    name: `charts of everyone, ${hours < 48 ? `${hours} h` : `${hours / 24} d`}`,
    group: 'charts' as const,
    work: (table: TableConnection) => asked(table, `overview?${last(hours)}`),
  })),
  {
    name: 'charts of one user, 30 d',
    group: 'charts',
    work: (table, world) => asked(table, `overview?${last(720)}&user=${world.watchedUser}`),
  },
  { name: 'calls of everyone, a page', group: 'calls', work: (table) => asked(table, `calls?${last(720)}`) },
  {
    name: 'calls of everyone of a rare tool, a page',
    group: 'calls',
    work: (table) => asked(table, `calls?${last(720)}&tool=${RARE_TOOL}`),
  },
  {
    name: 'calls of everyone of a tool never called',
    group: 'calls',
    work: (table) => asked(table, `calls?${last(720)}&tool=unknown`),
  },
  {
    name: 'calls of one user, a page',
    group: 'calls',
    work: (table, world) => asked(table, `calls?${last(720)}&user=${world.watchedUser}`),
  },
  { name: 'sessions of everyone, a page', group: 'lists', work: (table) => asked(table, 'sessions') },
  {
    name: 'one session, of very many calls',
    group: 'lists',
    work: (table, world) => asked(table, `sessions/${world.sessionId(world.longSession)}`),
  },
  { name: 'grants of everyone, a page', group: 'lists', work: (table) => asked(table, 'grants') },
  { name: 'users, a page', group: 'lists', work: (table) => asked(table, 'users') },
  {
    name: 'find by id',
    group: 'lists',
    work: (table, world) => asked(table, `find?id=${world.sessionId(world.sessionsOf(0).at(-1)!)}`),
  },
  {
    name: 'revoke one grant',
    group: 'endings',
    work: (table, world) => asked(table, `grants/${world.grantId(world.grantsOf(0)[0]!)}/revoke`, {}),
  },
  {
    name: 'revoke all of a user',
    group: 'endings',
    work: (table, world) => asked(table, 'revoke-all', { user: world.watchedUser }),
  },
  { name: 'erase a user', group: 'endings', work: erase },
];

const last = (hours: number) => `from=${NOW - hours * steps.hour}&to=${NOW}`;

/** An answer of the dashboard to its owner. @param body of what changes something */
async function asked(table: TableConnection, path: string, body?: object): Promise<unknown> {
  const headers = {
    Cookie: `__Host-dashboard=${COOKIE}`,
    ...(body && { Origin: ORIGIN, 'Content-Type': 'application/json', 'X-CSRF-Token': csrf }),
  };
  const init = { headers, ...(body && { method: 'POST', body: JSON.stringify(body) }) };
  const response = await handleDashboardRequest(
    dashboardOver(table),
    new Request(`${ORIGIN}/dashboard/api/${path}`, init),
  );
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer;
}

function dashboardOver(table: TableConnection): Dashboard {
  const calls = dynamoAuditLogReader(table);
  const directory = dynamoDirectory(table);
  const aggregates = dynamoAggregateReader(table);
  const now = () => NOW;
  const none = { path: '', contentType: '', gzip: new Uint8Array() };
  return {
    publicUrl: ORIGIN,
    adminsGroup: 'admins',
    retentionDays: RETENTION_DAYS,
    grantIdleSeconds: 14 * 86_400,
    sessionTtlSeconds: SESSION_SECONDS,
    dashboardSessions: dynamoDashboardSessionStore(table),
    calls,
    search: new CallSearch({ calls, aggregates, directory, retentionDays: RETENTION_DAYS, now }),
    aggregates,
    directory,
    revocation: dynamoRevocationStore(table),
    erasure: dynamoErasureStore(table),
    page: { script: none, style: none },
    now,
    seconds: () => Math.floor(NOW / 1000),
    log: (event, details) => {
      if (event === 'unexpected_error' || event === 'service_unavailable') console.error(event, details);
    },
  };
}

/** The newest session of the user that is looked at has been idle for less than its time to live. */
async function resume(table: TableConnection, world: World): Promise<unknown> {
  const seconds = Math.floor(NOW / 1000);
  const session = world.session(world.sessionsOf(0).at(-1)!);
  const { id: grant, user, client, scopes } = world.grant(world.grantOf(world.sessionNumber(session.id)!));
  const rules = { ttlSeconds: SESSION_SECONDS, stale: 'renew' as const };
  // Seen this minute, as all requests but the first one of a minute are.
  const sessions = new Sessions(recordedSessions(table), rules, () => session.lastSeenAt + 1);
  const caller = { user, grant, client, scopes, expiresAt: seconds + 600 };
  const admission =
    session.era === 'legacy' ? await sessions.resume(caller, session.id, '2025-11-25') : await sessions.current(caller);
  if (typeof admission === 'string') throw new Error(admission);
  await admission.slid;
  return admission.session;
}

const processes = new WeakMap<TableConnection, AuditLogWriter>();

/** In a process that has recorded the session before, if it was asked to. */
async function record(table: TableConnection, world: World): Promise<void> {
  const writer = processes.get(table) ?? dynamoAuditLogWriter(table);
  processes.set(table, writer);
  await recordIn(writer, world);
}

async function recordFirst(table: TableConnection, world: World): Promise<void> {
  await recordIn(dynamoAuditLogWriter(table), world);
}

async function recordIn(writer: AuditLogWriter, world: World): Promise<void> {
  const session = world.sessionsOf(0).at(-1)!;
  const call = { ...world.call(session, 0), id: 'new', at: NOW };
  await writer.recordCall(call, callExpiry(call));
}

async function rollup(table: TableConnection, at: number): Promise<unknown> {
  const aggregates = dynamoAggregateStore(table);
  const parts = { calls: dynamoAuditLogReader(table), aggregates, retentionDays: RETENTION_DAYS, now: () => at };
  return aggregateCalls({ ...parts, log: () => undefined }, () => 1);
}

const midnight = startOf('day', NOW);

/** As it was before the last five minutes of yesterday were counted, with which an hour and a day are over. */
async function beforeMidnight(table: TableConnection): Promise<void> {
  const aggregates = dynamoAggregateStore(table);
  await aggregates.moveOn(await aggregates.countedUntil(), midnight - steps.minutes);
}

/** Again until nothing is left, as the page does. */
async function erase(table: TableConnection, world: World): Promise<unknown> {
  let items = 0;
  for (;;) {
    const answer = (await asked(table, 'erase', { user: world.watchedUser })) as { items: number; done: boolean };
    items += answer.items;
    if (answer.done) return { items };
  }
}
