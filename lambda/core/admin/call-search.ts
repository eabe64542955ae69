import { type CallFilter, matchesFilter } from '../audit/call-filter.ts';
import {
  type AuditLogReader,
  BUCKET_MILLISECONDS,
  callName,
  LOOKUP_IN_CALLS,
  type ToolCall,
} from '../audit/tool-call.ts';
import { type Bucket, type BucketSearchDependencies, bucketsBack } from './call-buckets.ts';
import type { ListedPage, ListOptions } from './directory.ts';
import { type UserCallsDependencies, userCallsBack } from './user-calls.ts';

export type CallSearchDependencies = BucketSearchDependencies & UserCallsDependencies & { calls: AuditLogReader };

export type CallSearchPage = ListedPage<ToolCall> & {
  /** Set when the page ended at its limit of work: the calls until then, in epoch milliseconds, are searched. */
  searchedTo?: number;
};

/** Limit of work of one page, in calls (see `LOOKUP_IN_CALLS`). */
const MOST_READ = 6_000;
const MOST_READ_OF_USER = 5_000;
const MOST_BUCKETS = 100;
/** Cost of an aggregate, in calls: it takes 0.1 to 0.2 ms of CPU. */
const AGGREGATE_IN_CALLS = 15;
const EXPORT_PAGE = 500;
/** Calls of one read by their keys. */
const MOST_KEYS = 100;

/**
 * Finds calls, latest first, without reading the whole audit log: the calls of one user by the user's sessions, and those
 * of all users by bucket, skipping buckets whose aggregates contain no match.
 */
export class CallSearch {
  readonly #dependencies: CallSearchDependencies;

  constructor(dependencies: CallSearchDependencies) {
    this.#dependencies = dependencies;
  }

  /** @param options.after `next` of the page before */
  async page(filter: CallFilter, { limit, after }: ListOptions): Promise<CallSearchPage> {
    return filter.user === undefined
      ? this.#pageOfAllUsers(filter, limit, after)
      : this.#pageOfUser({ ...filter, user: filter.user }, limit, after);
  }

  async *all(filter: CallFilter): AsyncGenerator<ToolCall> {
    let after: string | undefined;
    do {
      const page = await this.page(filter, { limit: EXPORT_PAGE, after });
      yield* page.items;
      after = page.next;
    } while (after !== undefined);
  }

  /** As `userCallsBack`. */
  ofUser(filter: CallFilter & { user: string }, before?: string): AsyncGenerator<ToolCall> {
    return userCallsBack(this.#dependencies, filter, before);
  }

  /** @param after `bucket` or `bucket~callName` */
  // biome-ignore lint/complexity/noExcessiveCognitiveComplexity: two nested loops, each with its bounds; parts would share all state
  async #pageOfAllUsers(filter: CallFilter, limit: number, after: string | undefined): Promise<CallSearchPage> {
    const [from = '', name] = after?.split('~') ?? [];
    const start = after === undefined ? undefined : Number(from);
    const items: ToolCall[] = [];
    let read = 0;
    let buckets = 0;
    for await (const bucket of bucketsBack(this.#dependencies, filter, start)) {
      const before = bucket.number === start ? name : undefined;
      const first = bucket.first ?? bucket.number;
      const searchedTo = first * BUCKET_MILLISECONDS;
      const sessions = new Set<string>();
      for await (const call of this.#callsIn(bucket, before)) {
        if (!bucket.calls) sessions.add(call.session);
        const next = `${bucket.number}~${callName(call)}`;
        if (matchesFilter(call, filter) && items.push(call) === limit) return { items, next };
        if (++read >= MOST_READ) return { items, next, searchedTo };
      }
      read += sessions.size * LOOKUP_IN_CALLS + (bucket.aggregates ?? 0) * AGGREGATE_IN_CALLS;
      if (bucket.calls?.length !== 0) buckets++;
      if (buckets === MOST_BUCKETS || read >= MOST_READ) return { items, next: `${first - 1}`, searchedTo };
    }
    return { items };
  }

  /** Latest start first. */
  async *#callsIn({ number, calls: keys }: Bucket, before: string | undefined): AsyncGenerator<ToolCall> {
    const { calls, now } = this.#dependencies;
    const seconds = Math.floor(now() / 1000);
    if (!keys) {
      yield* calls.latestEndedIn(number, { before, now: seconds });
      return;
    }
    const sorted = keys
      .filter(({ call }) => before === undefined || call < before)
      .toSorted((a, b) => (a.call < b.call ? 1 : -1));
    for (let first = 0; first < sorted.length; first += MOST_KEYS) {
      const found = await calls.callsOfKeys(sorted.slice(first, first + MOST_KEYS), seconds);
      yield* found.toSorted((a, b) => (callName(a) < callName(b) ? 1 : -1));
    }
  }

  async #pageOfUser(
    filter: CallFilter & { user: string },
    limit: number,
    after: string | undefined,
  ): Promise<CallSearchPage> {
    const items: ToolCall[] = [];
    let read = 0;
    for await (const call of this.ofUser(filter, after)) {
      if (matchesFilter(call, filter)) items.push(call);
      if (items.length === limit) return { items, next: callName(call) };
      if (++read === MOST_READ_OF_USER) return { items, next: callName(call), searchedTo: call.at };
    }
    return { items };
  }
}
