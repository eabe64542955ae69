import type { Grant } from '../access/grant.ts';
import { endOf } from '../audit/aggregates.ts';
import type { AuditLogReader } from '../audit/tool-call.ts';
import { clientOf, type Filter } from '../dashboard/dashboard-api.ts';
import type { Session } from '../sessions/session.ts';
import type { Directory, ListedPage, ListOptions } from './directory.ts';
import { type SessionSummary, summarizeSession } from './session-summary.ts';

export type SessionListDependencies = {
  calls: Pick<AuditLogReader, 'callsOf' | 'latestOf'>;
  directory: Directory;
  /** Epoch milliseconds. */
  now: () => number;
};

/** Calls that are counted of one session; one with more says so. */
const MOST_COUNTED = 200;
/** Sessions without calls are not on record, so a page may have to look at more than it shows. */
const MOST_LOOKED_AT = 200;

/** What is looked for. An absent member excludes nothing; the time is one in which a session had calls. */
export type SessionFilter = Partial<Pick<Filter, 'user' | 'grant' | 'client' | 'from' | 'to'>>;

/**
 * The record of sessions, of a user or of everyone: those that began last, or of everyone were seen last, come first. A
 * page may have fewer than asked for, even none, and still not be the last.
 */
export async function sessionList(
  parts: SessionListDependencies,
  filter: SessionFilter,
  { limit, after }: ListOptions,
): Promise<ListedPage<SessionSummary>> {
  const { directory } = parts;
  const { user, from = 0 } = filter;
  const items: SessionSummary[] = [];
  let next = after;
  let lookedAt = 0;
  do {
    const options = { limit: limit - items.length, after: next };
    const page = await (user === undefined ? directory.recentSessions(options) : directory.sessionsOf(user, options));
    const records = await recordsOf(
      parts,
      page.items.filter((session) => mayFit(session, filter)),
    );
    items.push(...records.filter((record) => fits(record, filter)));
    // Of everyone they come by when they were seen: what comes now was not seen since.
    const isOver = user === undefined && page.items.some((session) => seenUntil(session) < from);
    next = isOver ? undefined : page.next;
    lookedAt += page.items.length;
  } while (next !== undefined && items.length < limit && lookedAt < MOST_LOOKED_AT);
  return { items, ...(next !== undefined && { next }) };
}

/** A session is written once a minute at most. */
const seenUntil = ({ lastSeenAt }: Session) => lastSeenAt * 1000 + 61_000;

/** What can be told without its calls. */
const mayFit = (session: Session, { grant, from = 0, to = Number.POSITIVE_INFINITY }: SessionFilter) =>
  (grant === undefined || session.grant === grant) && seenUntil(session) >= from && session.startedAt * 1000 < to;

const fits = (record: SessionSummary, { client, from = 0, to = Number.POSITIVE_INFINITY }: SessionFilter) =>
  (client === undefined || clientOf(record) === client) && record.lastCallAt >= from && record.firstCallAt < to;

async function recordsOf(
  { calls, directory, now }: SessionListDependencies,
  sessions: Session[],
): Promise<SessionSummary[]> {
  const seconds = Math.floor(now() / 1000);
  const ids = [...new Set(sessions.map(({ grant }) => grant))];
  const grants = new Map<string, Grant>();
  for (let first = 0; first < ids.length; first += 100) {
    for (const grant of await directory.grants(ids.slice(first, first + 100))) grants.set(grant.id, grant);
  }
  const records = await Promise.all(
    sessions.map(async (session) => {
      const page = await calls.callsOf(session.id, { limit: MOST_COUNTED, now: seconds });
      const record = summarizeSession(page, session, grants.get(session.grant), seconds);
      return record && withLastCall(record, calls, seconds);
    }),
  );
  return records.filter((record) => record !== undefined);
}

/** One session on record, by its id alone. */
export async function sessionSummaryById(
  parts: SessionListDependencies,
  id: string,
): Promise<SessionSummary | undefined> {
  const { calls, directory, now } = parts;
  const seconds = Math.floor(now() / 1000);
  const page = await calls.callsOf(id, { limit: MOST_COUNTED, now: seconds });
  const [first] = page.calls;
  if (first === undefined) return undefined;
  const [session, grants] = await Promise.all([
    directory.session(first.grant, id, first.era),
    directory.grants([first.grant]),
  ]);
  const record = summarizeSession(page, session, grants[0], seconds);
  return record && withLastCall(record, calls, seconds);
}

/** One with very many calls has been counted from the first ones on, which would say that it went quiet long ago. */
async function withLastCall(record: SessionSummary, calls: Pick<AuditLogReader, 'latestOf'>, now: number) {
  if (!record.isPartial) return record;
  const [last] = await calls.latestOf(record.id, { limit: 1, now });
  return { ...record, ...(last && { lastCallAt: endOf(last) }) };
}
