import { createHash } from 'node:crypto';
import { dynamoAggregateReader } from '../../lambda/adapters/dynamodb/audit/aggregate-reader.ts';
import { dynamoAggregateStore } from '../../lambda/adapters/dynamodb/audit/aggregate-store.ts';
import { dynamoAuditLogReader } from '../../lambda/adapters/dynamodb/audit/audit-log-reader.ts';
import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit/audit-log-writer.ts';
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
import { COMMON_TOOL, type GeneratedData, NOW, RARE_ERROR, RARE_TOOL, RETENTION_DAYS } from './generated-data.ts';
import { callExpiry, type DashboardUser, sessionStore } from './generated-items.ts';

const ORIGIN = 'https://holdfast.example';
const COOKIE = 'c'.repeat(43);
const SESSION_SECONDS = 24 * 3600;
const csrf = createHash('sha256').update(`csrf\n${COOKIE}`).digest('base64url');

/** The administrator whose dashboard is measured: the second user. */
export const adminOf = (data: GeneratedData): DashboardUser => ({
  cookieHash: createHash('sha256').update(COOKIE).digest('base64url'),
  session: { user: data.userKey(1), groups: ['admins'], expiresAt: Math.floor(NOW / 1000) + 3600 },
});

/** A request or job whose cost is measured. */
export type View = {
  name: string;
  group: Group;
  /** @returns the result, which tests compare with that of another table */
  work: (table: TableConnection, data: GeneratedData) => Promise<unknown>;
  /** Establishes the precondition. It is not measured. */
  prepare?: (table: TableConnection, data: GeneratedData) => Promise<unknown>;
};

/** The views of one picture. */
export const groups = {
  requests: 'A request to /mcp, its audit log entry, and the aggregation job',
  charts: 'The charts of the dashboard',
  calls: 'Calls',
  lists: 'Sessions, grants, users',
  endings: 'Revocation and erasure',
} as const;
export type Group = keyof typeof groups;

/** All views, at the time of the measurement (`NOW`). */
export const views: View[] = [
  { name: 'request in a session', group: 'requests', work: resume },
  { name: 'audit log entry of a call', group: 'requests', prepare: recordCall, work: recordCall },
  { name: '… the first of its session in five minutes', group: 'requests', work: recordFirstCall },
  { name: 'aggregation of five minutes', group: 'requests', work: (table) => aggregate(table, NOW + 15_000) },
  {
    name: 'aggregation at the end of a day',
    group: 'requests',
    prepare: beforeMidnight,
    work: (table) => aggregate(table, midnight + 75_000),
  },
  ...([1, 24, 7 * 24, 30 * 24] as const).map((hours) => ({
    name: `charts of all users, ${hours < 48 ? `${hours} h` : `${hours / 24} d`}`,
    group: 'charts' as const,
    work: (table: TableConnection) => request(table, `overview?${last(hours)}`),
  })),
  ...([24, 30 * 24] as const).map((hours) => ({
    name: `errors of all users by group, ${hours < 48 ? `${hours} h` : `${hours / 24} d`}`,
    group: 'charts' as const,
    work: (table: TableConnection) => request(table, `errors?${last(hours)}`),
  })),
  {
    name: 'errors of one user by group, 30 d',
    group: 'charts',
    work: (table, data) => request(table, `errors?${last(720)}&user=${data.measuredUser}`),
  },
  {
    name: 'charts of one user, 30 d',
    group: 'charts',
    work: (table, data) => request(table, `overview?${last(720)}&user=${data.measuredUser}`),
  },
  { name: 'calls of all users, a page', group: 'calls', work: (table) => request(table, `calls?${last(720)}`) },
  {
    name: 'calls of a rare tool, a page',
    group: 'calls',
    work: (table) => request(table, `calls?${last(720)}&tool=${RARE_TOOL}`),
  },
  {
    name: 'calls of a tool never called',
    group: 'calls',
    work: (table) => request(table, `calls?${last(720)}&tool=unknown`),
  },
  { name: 'errors, a page', group: 'calls', work: (table) => request(table, `calls?${last(720)}&outcome=error`) },
  {
    name: 'errors of one tool, a page',
    group: 'calls',
    work: (table) => request(table, `calls?${last(720)}&outcome=timed-out&tool=${COMMON_TOOL}`),
  },
  {
    name: 'calls of one error, a page',
    group: 'calls',
    work: (table) => request(table, `calls?${last(720)}&error=${RARE_ERROR}`),
  },
  {
    name: 'calls of one user, a page',
    group: 'calls',
    work: (table, data) => request(table, `calls?${last(720)}&user=${data.measuredUser}`),
  },
  { name: 'sessions of all users, a page', group: 'lists', work: (table) => request(table, 'sessions') },
  {
    name: 'one session of 500 calls',
    group: 'lists',
    work: (table, data) => request(table, `sessions/${data.sessionId(data.longSession)}`),
  },
  { name: 'grants, a page', group: 'lists', work: (table) => request(table, 'grants') },
  { name: 'users, a page', group: 'lists', work: (table) => request(table, 'users?activity=true') },
  {
    name: 'search by id',
    group: 'lists',
    work: (table, data) => request(table, `find?id=${data.sessionId(data.sessionsOf(0).at(-1)!)}`),
  },
  {
    name: 'revocation of one grant',
    group: 'endings',
    work: (table, data) => request(table, `grants/${data.grantId(data.grantsOf(0)[0]!)}/revoke`, {}),
  },
  {
    name: 'revocation of all grants of a user',
    group: 'endings',
    work: (table, data) => request(table, 'revoke-all', { user: data.measuredUser }),
  },
  { name: 'erasure of a user', group: 'endings', work: erase },
];

const last = (hours: number) => `from=${NOW - hours * steps.hour}&to=${NOW}`;

/** A response of the dashboard's API. @param body of a request that changes data */
async function request(table: TableConnection, path: string, body?: object): Promise<unknown> {
  const headers = {
    Cookie: `__Host-dashboard=${COOKIE}`,
    ...(body && { Origin: ORIGIN, 'Content-Type': 'application/json', 'X-CSRF-Token': csrf }),
  };
  const init = { headers, ...(body && { method: 'POST', body: JSON.stringify(body) }) };
  const response = await handleDashboardRequest(
    dashboardOver(table),
    new Request(`${ORIGIN}/dashboard/api/${path}`, init),
  );
  const result = await response.json();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${JSON.stringify(result)}`);
  return result;
}

function dashboardOver(table: TableConnection): Dashboard {
  const calls = dynamoAuditLogReader(table);
  const directory = dynamoDirectory(table);
  const aggregates = dynamoAggregateReader(table);
  const now = () => NOW;
  const none = { path: '', contentType: '', content: '' };
  return {
    publicUrl: ORIGIN,
    branding: {},
    isDirect: false,
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

/** Resumes the newest session of the measured user, which has not expired. */
async function resume(table: TableConnection, data: GeneratedData): Promise<unknown> {
  const seconds = Math.floor(NOW / 1000);
  const session = data.session(data.sessionsOf(0).at(-1)!);
  const { id: grant, user, client, scopes } = data.grant(data.grantOf(data.sessionNumber(session.id)!));
  const rules = { ttlSeconds: SESSION_SECONDS, stale: 'renew' as const };
  // The session was used in this minute, as with all requests but the first of a minute.
  const sessions = new Sessions(sessionStore(table), rules, () => session.lastSeenAt + 1);
  const caller = { user, grant, client, scopes, expiresAt: seconds + 600 };
  const admission =
    session.era === 'legacy' ? await sessions.resume(caller, session.id, '2025-11-25') : await sessions.current(caller);
  if (typeof admission === 'string') throw new Error(admission);
  await admission.slid;
  return admission.session;
}

const writers = new WeakMap<TableConnection, AuditLogWriter>();

/** Writes a call in a process that has written one of the session before, if `prepare` has run. */
async function recordCall(table: TableConnection, data: GeneratedData): Promise<void> {
  const writer = writers.get(table) ?? dynamoAuditLogWriter(table);
  writers.set(table, writer);
  await recordIn(writer, data);
}

/** Writes a call in a process that has not written one of the session. */
async function recordFirstCall(table: TableConnection, data: GeneratedData): Promise<void> {
  await recordIn(dynamoAuditLogWriter(table), data);
}

async function recordIn(writer: AuditLogWriter, data: GeneratedData): Promise<void> {
  const session = data.sessionsOf(0).at(-1)!;
  const call = { ...data.call(session, 0), id: 'new', at: NOW };
  await writer.recordCall(call, callExpiry(call));
}

async function aggregate(table: TableConnection, at: number): Promise<unknown> {
  const aggregates = dynamoAggregateStore(table);
  const dependencies = { calls: dynamoAuditLogReader(table), aggregates, retentionDays: RETENTION_DAYS, now: () => at };
  return aggregateCalls({ ...dependencies, log: () => undefined }, () => 1);
}

const midnight = startOf('day', NOW);

/** Sets the aggregation back before the last five minutes of a day, which complete an hour and a day. */
async function beforeMidnight(table: TableConnection): Promise<void> {
  const aggregates = dynamoAggregateStore(table);
  await aggregates.moveOn(await aggregates.countedUntil(), midnight - steps.minutes);
}

/** Repeats the request until nothing is left, as the page does. */
async function erase(table: TableConnection, data: GeneratedData): Promise<unknown> {
  let items = 0;
  for (;;) {
    const erased = (await request(table, 'erase', { user: data.measuredUser })) as { items: number; done: boolean };
    items += erased.items;
    if (erased.done) return { items };
  }
}
