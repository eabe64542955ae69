import { BUCKET_MILLISECONDS, type Call, type CallHistory, callName } from '../lambda/core/call.ts';
import { fits } from '../lambda/core/call-search.ts';
import type { Filter } from '../lambda/core/dashboard/api.ts';
import { endOf } from '../lambda/core/statistics.ts';

const AT_ONCE = 100;
/** A call is written when it ends, by clocks that differ a little, and an index is behind its table. */
const SETTLED_AFTER_MILLISECONDS = 60_000;

/**
 * Calls that are new since one has looked last. Those of five minutes are listed as they began, so the newest pages are
 * read until one holds nothing new; what took longer than that, at a busy server, is found when the five minutes are over.
 */
export class CallWatch {
  readonly #calls: Pick<CallHistory, 'latestEndedIn'>;
  readonly #filter: Omit<Filter, 'to'>;
  /** Names of the calls that have been seen, by the five minutes that are not settled yet. */
  readonly #seen = new Map<number, Set<string>>();

  /** @param filter `from`: when watching began */
  constructor(calls: Pick<CallHistory, 'latestEndedIn'>, filter: Omit<Filter, 'to'>) {
    this.#calls = calls;
    this.#filter = filter;
    this.#seen.set(bucketAt(filter.from), new Set());
  }

  /** @param now epoch milliseconds @returns in the order they ended */
  async look(now: number): Promise<Call[]> {
    const found: Call[] = [];
    for (let bucket = Math.max(...this.#seen.keys()); bucket < bucketAt(now); ) this.#seen.set(++bucket, new Set());
    for (const [bucket, seen] of this.#seen) {
      const isSettled = (bucket + 1) * BUCKET_MILLISECONDS + SETTLED_AFTER_MILLISECONDS < now;
      found.push(...(await this.#newIn(bucket, seen, isSettled, now)));
      if (isSettled) this.#seen.delete(bucket);
    }
    const filter = { ...this.#filter, to: Number.POSITIVE_INFINITY };
    return found.filter((call) => fits(call, filter)).toSorted((a, b) => endOf(a) - endOf(b));
  }

  async #newIn(bucket: number, seen: Set<string>, whole: boolean, now: number): Promise<Call[]> {
    const found: Call[] = [];
    let before: string | undefined;
    for (let more = true; more; ) {
      const page = await this.#calls.latestEndedIn(bucket, { limit: AT_ONCE, before, now: Math.floor(now / 1000) });
      const fresh = page.filter((call) => !seen.has(callName(call)));
      for (const call of fresh) seen.add(callName(call));
      found.push(...fresh);
      before = page.length > 0 ? callName(page.at(-1)!) : before;
      more = page.length === AT_ONCE && (whole || fresh.length > 0);
    }
    return found;
  }
}

const bucketAt = (at: number) => Math.floor(at / BUCKET_MILLISECONDS);
