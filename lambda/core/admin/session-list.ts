import type { CallFilter } from '../audit/call-filter.ts';
import { type AuditLogReader, clientOf, endOf } from '../audit/tool-call.ts';
import { SEEN_LATE_SECONDS, type Session } from '../sessions/session.ts';
import type { Directory, ListedGrant, ListedPage, ListOptions } from './directory.ts';
import { type SessionSummary, summarizeSession } from './session-summary.ts';

export type SessionListDependencies = {
  calls: Pick<AuditLogReader, 'callsOf' | 'latestOf'>;
  directory: Directory;
  /** Epoch milliseconds. */
  now: () => number;
};

/** Calls of one session that are read and counted; `isPartial` for one with more. */
const MOST_COUNTED = 200;
/** Sessions that a page reads: those without calls are not listed. */
const MOST_READ = 200;

/** An absent or undefined member excludes nothing. Sessions match that had calls between `from` and `to`. */
export type SessionFilter = Pick<CallFilter, 'user' | 'grant' | 'client' | 'clientInfo'> & {
  from?: number | undefined;
  to?: number | undefined;
};

/**
 * Sessions of one user, latest start first, or of all users, latest call first on each page: pages follow `lastSeenAt`, which
 * is behind the last request. A page that is not the last may have fewer items than its limit, even none.
 */
export async function sessionList(
  dependencies: SessionListDependencies,
  filter: SessionFilter,
  { limit, after }: ListOptions,
): Promise<ListedPage<SessionSummary>> {
  const { directory } = dependencies;
  const { user, from = 0 } = filter;
  const items: SessionSummary[] = [];
  let next = after;
  let read = 0;
  do {
    const options = { limit: limit - items.length, after: next };
    const page = await (user === undefined ? directory.recentSessions(options) : directory.sessionsOf(user, options));
    const candidates = page.items.filter((session) => mayMatch(session, filter));
    const summaries = await summariesOf(dependencies, candidates);
    items.push(...summaries.filter((summary) => matches(summary, filter)));
    // The list of all users is sorted by the last request: the remaining sessions are older.
    const isOver = user === undefined && page.items.some((session) => seenUntil(session) < from);
    next = isOver ? undefined : page.next;
    read += page.items.length;
  } while (next !== undefined && items.length < limit && read < MOST_READ);
  if (user === undefined) items.sort((a, b) => b.lastCallAt - a.lastCallAt);
  return { items, ...(next !== undefined && { next }) };
}

/** Epoch milliseconds. */
const seenUntil = ({ lastSeenAt }: Session) => (lastSeenAt + SEEN_LATE_SECONDS + 1) * 1000;

/** As far as the session shows it without its calls. */
const mayMatch = (session: Session, { grant, from = 0, to = Number.POSITIVE_INFINITY }: SessionFilter) =>
  (grant === undefined || session.grant === grant) && seenUntil(session) >= from && session.startedAt * 1000 < to;

const matches = (
  summary: SessionSummary,
  { client, clientInfo, from = 0, to = Number.POSITIVE_INFINITY }: SessionFilter,
) =>
  (client === undefined || clientOf(summary) === client) &&
  (clientInfo === undefined || summary.clientName === clientInfo) &&
  summary.lastCallAt >= from &&
  summary.firstCallAt < to;

async function summariesOf(
  { calls, directory, now }: SessionListDependencies,
  sessions: Session[],
): Promise<SessionSummary[]> {
  const seconds = Math.floor(now() / 1000);
  const ids = [...new Set(sessions.map(({ grant }) => grant))];
  const grants = new Map<string, ListedGrant>();
  for (let first = 0; first < ids.length; first += 100) {
    for (const grant of await directory.grants(ids.slice(first, first + 100))) grants.set(grant.id, grant);
  }
  const summaries = await Promise.all(
    sessions.map(async (session) => {
      const page = await calls.callsOf(session.id, { limit: MOST_COUNTED, now: seconds, user: session.user });
      const summary = summarizeSession(page, session, grants.get(session.grant), seconds);
      return summary && withLastCall(summary, calls, seconds);
    }),
  );
  return summaries.filter((summary) => summary !== undefined);
}

/** Finds a session by its id, through its first call. */
export async function sessionSummaryById(
  dependencies: SessionListDependencies,
  id: string,
): Promise<SessionSummary | undefined> {
  const { calls, directory, now } = dependencies;
  const seconds = Math.floor(now() / 1000);
  const page = await calls.callsOf(id, { limit: MOST_COUNTED, now: seconds });
  const [first] = page.calls;
  if (first === undefined) return undefined;
  const [session, grants] = await Promise.all([
    directory.session(first.grant, id, first.era),
    directory.grants([first.grant]),
  ]);
  const summary = summarizeSession(page, session, grants[0], seconds);
  return summary && withLastCall(summary, calls, seconds);
}

/** A partial summary contains the first calls only: its last call has to be read. */
async function withLastCall(summary: SessionSummary, calls: Pick<AuditLogReader, 'latestOf'>, now: number) {
  if (!summary.isPartial) return summary;
  const [last] = await calls.latestOf(summary.id, { limit: 1, now, user: summary.user });
  return { ...summary, ...(last && { lastCallAt: endOf(last) }) };
}
