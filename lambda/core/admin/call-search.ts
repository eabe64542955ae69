import {
  type AggregateReader,
  type AggregateRow,
  type Aggregates,
  countedUntil,
  endOf,
  startOf,
  steps,
  toolOf,
} from '../audit/aggregates.ts';
import {
  type AuditLogReader,
  BUCKET_MILLISECONDS,
  callName,
  LOOKUP_IN_CALLS,
  type ToolCall,
} from '../audit/tool-call.ts';
import { clientOf, ERRORS, type Filter, OTHERS, type ResultPage } from '../dashboard/dashboard-api.ts';
import type { Session } from '../sessions/session.ts';
import type { Directory } from './directory.ts';

export type CallSearchDependencies = {
  calls: AuditLogReader;
  aggregates: AggregateReader;
  directory: Pick<Directory, 'sessionsOf'>;
  retentionDays: number;
  /** Epoch milliseconds. */
  now: () => number;
};

/** What one page may look at before it says how far it has come, in calls; a lookup takes as long as several. */
const MOST_LOOKED_AT = 20_000;
const MOST_OF_USER = 5_000;
const MOST_BUCKETS = 100;
const AT_ONCE = 100;
/** A session is written once a minute, so it may have had calls until then after it was last seen. */
const SEEN_LATE_MILLISECONDS = 61_000;
/** How long before its end a call may have begun: a tool can wait for its user. */
const LONGEST_CALL_MILLISECONDS = 3_600_000;

/**
 * Finds calls, newest first. What is on record is never read as a whole: the calls of a user are found by their sessions,
 * and those of everyone by the five minutes in which they ended, of which the aggregates tell whether there is anything
 * to be found in them.
 */
export class CallSearch {
  readonly #parts: CallSearchDependencies;

  constructor(parts: CallSearchDependencies) {
    this.#parts = parts;
  }

  /** @param after `next` of the page before */
  async page(
    filter: Filter,
    { limit, after }: { limit: number; after?: string | undefined },
  ): Promise<ResultPage<ToolCall>> {
    return filter.user === undefined
      ? this.#pageOfEveryone(filter, limit, after)
      : this.#pageOfUser({ ...filter, user: filter.user }, limit, after);
  }

  /** All of them, however many. */
  async *all(filter: Filter): AsyncGenerator<ToolCall> {
    let after: string | undefined;
    do {
      const page = await this.page(filter, { limit: 500, after });
      yield* page.items;
      after = page.next;
    } while (after !== undefined);
  }

  async #pageOfEveryone(filter: Filter, limit: number, after: string | undefined): Promise<ResultPage<ToolCall>> {
    const { calls, now } = this.#parts;
    const [from = '', name] = after?.split('~') ?? [];
    const items: ToolCall[] = [];
    let lookedAt = 0;
    let buckets = 0;
    for await (const bucket of this.#bucketsBack(filter, after === undefined ? undefined : Number(from))) {
      const before = after !== undefined && bucket === Number(from) ? name : undefined;
      const sessions = new Set<string>();
      for await (const call of calls.latestEndedIn(bucket, { before, now: Math.floor(now() / 1000) })) {
        sessions.add(call.session);
        const next = `${bucket}~${callName(call)}`;
        if (fits(call, filter) && items.push(call) === limit) return { items, next };
        if (++lookedAt >= MOST_LOOKED_AT) return { items, next, searchedTo: bucket * BUCKET_MILLISECONDS };
      }
      lookedAt += sessions.size * LOOKUP_IN_CALLS;
      if (++buckets === MOST_BUCKETS || lookedAt >= MOST_LOOKED_AT) {
        return { items, next: `${bucket - 1}`, searchedTo: bucket * BUCKET_MILLISECONDS };
      }
    }
    return { items };
  }

  /** The five minutes in which there may be calls that fit, the last ones first. */
  async *#bucketsBack(filter: Filter, start = Number.POSITIVE_INFINITY): AsyncGenerator<number> {
    const { aggregates, now, retentionDays } = this.#parts;
    const last = Math.min(
      start,
      Math.floor((filter.to - 1) / BUCKET_MILLISECONDS),
      Math.floor(now() / BUCKET_MILLISECONDS),
    );
    const from = Math.max(filter.from, now() - retentionDays * steps.day);
    const first = Math.floor(from / BUCKET_MILLISECONDS);
    const end = (last + 1) * BUCKET_MILLISECONDS;
    const counted = await countedUntil(aggregates, now());
    for (let bucket = last; bucket >= Math.max(first, counted / BUCKET_MILLISECONDS); bucket--) yield bucket;

    const minutesBack = async function* (since: number, until: number) {
      const periods = await aggregates.load(
        'minutes',
        Math.max(since, first * BUCKET_MILLISECONDS),
        Math.min(until, end),
      );
      for (const period of periods.toReversed()) {
        if (mayFit(period.aggregates, filter)) yield period.at / BUCKET_MILLISECONDS;
      }
    };
    // What is not a whole hour yet.
    const whole = startOf('hour', counted);
    if (whole < end && counted > first * BUCKET_MILLISECONDS) yield* minutesBack(whole, counted);
    const today = startOf('day', Math.min(whole, end));
    const days = await aggregates.load(
      'day',
      startOf('day', from),
      Math.min(today + steps.day, startOf('day', counted)),
    );
    const worthLooking = new Set(days.filter((period) => mayFit(period.aggregates, filter)).map(({ at }) => at));
    for (let day = today; day + steps.day > from; day -= steps.day) {
      if (day < startOf('day', counted) && !worthLooking.has(day)) continue;
      const hours = await aggregates.load(
        'hour',
        Math.max(day, startOf('hour', from)),
        Math.min(day + steps.day, end, whole),
      );
      for (const hour of hours.toReversed()) {
        if (mayFit(hour.aggregates, filter)) yield* minutesBack(hour.at, hour.at + steps.hour);
      }
    }
  }

  async #pageOfUser(
    filter: Filter & { user: string },
    limit: number,
    after: string | undefined,
  ): Promise<ResultPage<ToolCall>> {
    const items: ToolCall[] = [];
    let lookedAt = 0;
    for await (const call of this.ofUser(filter, after)) {
      if (fits(call, filter)) items.push(call);
      if (items.length === limit) return { items, next: callName(call) };
      if (++lookedAt === MOST_OF_USER) return { items, next: callName(call), searchedTo: call.at };
    }
    return { items };
  }

  /** Calls of a user that may fit, those that began last first: the calls of each session are, and they are woven together. */
  async *ofUser({ user, from, to }: Filter & { user: string }, before?: string): AsyncGenerator<ToolCall> {
    const { calls, now } = this.#parts;
    const since = from - LONGEST_CALL_MILLISECONDS;
    const start = before ?? callName({ at: to, id: '' });
    const sources = (await this.#sessionsOf(user, since, to)).map((session) => ({
      session: session.id,
      /** The next call's name, or what it cannot be above. */
      head: minimum(callName({ at: session.lastSeenAt * 1000 + SEEN_LATE_MILLISECONDS, id: '' }), start),
      before: start,
      read: [] as ToolCall[],
      isAtEnd: false,
    }));
    for (;;) {
      const next = sources.reduce<(typeof sources)[number] | undefined>(
        (found, each) => (each.head !== '' && (!found || each.head > found.head) ? each : found),
        undefined,
      );
      if (next === undefined) return;
      const call = next.read[0];
      if (call) {
        if (call.at < since) return;
        next.read.shift();
        yield call;
      } else {
        const limit = AT_ONCE;
        next.read = await calls.latestOf(next.session, { limit, before: next.before, now: Math.floor(now() / 1000) });
        next.isAtEnd = next.read.length < limit;
        next.before = next.read.length > 0 ? callName(next.read.at(-1)!) : next.before;
      }
      next.head = next.read[0] ? callName(next.read[0]) : next.isAtEnd ? '' : next.before;
    }
  }

  async #sessionsOf(user: string, from: number, to: number): Promise<Session[]> {
    const sessions: Session[] = [];
    let after: string | undefined;
    do {
      const page = await this.#parts.directory.sessionsOf(user, { limit: 200, after });
      sessions.push(...page.items);
      after = page.next;
    } while (after !== undefined);
    return sessions.filter(
      ({ startedAt, lastSeenAt }) => startedAt * 1000 < to && lastSeenAt * 1000 + SEEN_LATE_MILLISECONDS >= from,
    );
  }
}

const minimum = (a: string, b: string) => (a < b ? a : b);

/** Whether the call ended in the time, and is one of those that are looked for. */
export function fits(call: ToolCall, { from, to, user, grant, client, tool, outcome }: Filter): boolean {
  const end = endOf(call);
  return (
    end >= from &&
    end < to &&
    (user === undefined || call.user === user) &&
    (grant === undefined || call.grant === grant) &&
    (client === undefined || clientOf(call) === client) &&
    (tool === undefined || toolOf(call) === tool) &&
    isOutcome(call.outcome, outcome)
  );
}

/** Whether the row is one of those that are looked for, as far as it says. */
export const rowFits = (row: AggregateRow, { client, tool, outcome }: Partial<Filter>): boolean =>
  (client === undefined || row.client === client) &&
  (tool === undefined || row.tool === tool) &&
  isOutcome(row.outcome, outcome);

const isOutcome = (outcome: ToolCall['outcome'], wanted: Filter['outcome']) =>
  wanted === undefined || (wanted === ERRORS ? outcome !== 'success' : outcome === wanted);

/** Rows that are counted together may hold anything. */
const mayFit = ({ rows }: Aggregates, filter: Filter) =>
  rows.some((row) => rowFits(row, filter) || (row.client === OTHERS && isOutcome(row.outcome, filter.outcome)));
