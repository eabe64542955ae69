import type { CallFilter } from '../audit/call-filter.ts';
import { type AuditLogReader, callName, type ToolCall } from '../audit/tool-call.ts';
import { SEEN_LATE_SECONDS, type Session } from '../sessions/session.ts';
import type { Directory } from './directory.ts';

export type UserCallsDependencies = {
  calls: Pick<AuditLogReader, 'latestOf'>;
  directory: Pick<Directory, 'sessionsOf'>;
  /** Epoch milliseconds. */
  now: () => number;
};

const PAGE = 100;
const SESSIONS_PAGE = 200;
/** The last call may be this much later than `lastSeenAt`. */
const SEEN_LATE_MILLISECONDS = (SEEN_LATE_SECONDS + 1) * 1000;
/** Longest time from the start of a call to its end: a tool can wait for an input of its user. */
const LONGEST_CALL_MILLISECONDS = 3_600_000;

/** The calls of one session, read page by page. */
type Source = {
  session: string;
  user: string;
  /** Name of the next call, or a bound of it; empty at the end. */
  head: string;
  before: string;
  read: ToolCall[];
  isAtEnd: boolean;
};

/**
 * Calls of a user that may be within the time of the filter, latest start first: the calls of each session are sorted, and
 * are merged here.
 * @param before `callName` of a call: only earlier ones are returned
 */
export async function* userCallsBack(
  dependencies: UserCallsDependencies,
  { user, from, to }: CallFilter & { user: string },
  before?: string,
): AsyncGenerator<ToolCall> {
  const since = from - LONGEST_CALL_MILLISECONDS;
  const start = before ?? callName({ at: to, id: '' });
  const sessions = await sessionsBetween(dependencies.directory, user, since, to);
  const sources = sessions.map((session) => sourceOf(session, start));
  for (let next = latest(sources); next; next = latest(sources)) {
    const call = next.read.shift();
    if (!call) await readPage(dependencies, next);
    next.head = next.read[0] ? callName(next.read[0]) : next.isAtEnd ? '' : next.before;
    if (!call) continue;
    if (call.at < since) return;
    yield call;
  }
}

function sourceOf({ id, user, lastSeenAt }: Session, start: string): Source {
  const bound = callName({ at: lastSeenAt * 1000 + SEEN_LATE_MILLISECONDS, id: '' });
  return { session: id, user, head: bound < start ? bound : start, before: start, read: [], isAtEnd: false };
}

const latest = (sources: Source[]) =>
  sources.reduce<Source | undefined>(
    (found, each) => (each.head !== '' && (!found || each.head > found.head) ? each : found),
    undefined,
  );

async function readPage({ calls, now }: UserCallsDependencies, source: Source): Promise<void> {
  const { session, user, before } = source;
  source.read = await calls.latestOf(session, { limit: PAGE, before, now: Math.floor(now() / 1000), user });
  source.isAtEnd = source.read.length < PAGE;
  const last = source.read.at(-1);
  if (last) source.before = callName(last);
}

async function sessionsBetween(
  directory: Pick<Directory, 'sessionsOf'>,
  user: string,
  from: number,
  to: number,
): Promise<Session[]> {
  const sessions: Session[] = [];
  let after: string | undefined;
  do {
    const page = await directory.sessionsOf(user, { limit: SESSIONS_PAGE, after });
    sessions.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return sessions.filter(
    ({ startedAt, lastSeenAt }) => startedAt * 1000 < to && lastSeenAt * 1000 + SEEN_LATE_MILLISECONDS >= from,
  );
}
