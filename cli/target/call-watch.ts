import { matchesFilter } from '../../lambda/core/audit/call-filter.ts';
import {
  type AuditLogReader,
  BUCKET_MILLISECONDS,
  callName,
  endOf,
  type ToolCall,
} from '../../lambda/core/audit/tool-call.ts';
import type { Filter } from '../../lambda/core/dashboard/dashboard-api.ts';

/** After so many calls in a row that are known, those that began before are taken to be. */
const KNOWN_IN_A_ROW = 100;
/** A call is written when it ends, by clocks that differ a little, and a read may be a moment behind. */
const SETTLED_AFTER_MILLISECONDS = 60_000;

/**
 * Calls that are new since one has looked last. Those of five minutes are listed as they began, so the newest are
 * read until there is nothing new for a while; what took longer than that, at a busy server, is found when the five minutes are over.
 */
export class CallWatch {
  readonly #calls: Pick<AuditLogReader, 'latestEndedIn'>;
  readonly #filter: Omit<Filter, 'to'>;
  /** Names of the calls that have been seen, by the five minutes that are not settled yet. */
  readonly #seen = new Map<number, Set<string>>();

  /** @param filter `from`: when watching began */
  constructor(calls: Pick<AuditLogReader, 'latestEndedIn'>, filter: Omit<Filter, 'to'>) {
    this.#calls = calls;
    this.#filter = filter;
    this.#seen.set(bucketAt(filter.from), new Set());
  }

  /** @param now epoch milliseconds @returns in the order they ended */
  async look(now: number): Promise<ToolCall[]> {
    const found: ToolCall[] = [];
    for (let bucket = Math.max(...this.#seen.keys()); bucket < bucketAt(now); ) this.#seen.set(++bucket, new Set());
    for (const [bucket, seen] of this.#seen) {
      const isSettled = (bucket + 1) * BUCKET_MILLISECONDS + SETTLED_AFTER_MILLISECONDS < now;
      found.push(...(await this.#newIn(bucket, seen, isSettled, now)));
      if (isSettled) this.#seen.delete(bucket);
    }
    const filter = { ...this.#filter, to: Number.POSITIVE_INFINITY };
    return found.filter((call) => matchesFilter(call, filter)).toSorted((a, b) => endOf(a) - endOf(b));
  }

  async #newIn(bucket: number, seen: Set<string>, whole: boolean, now: number): Promise<ToolCall[]> {
    const found: ToolCall[] = [];
    let known = 0;
    for await (const call of this.#calls.latestEndedIn(bucket, { now: Math.floor(now / 1000) })) {
      if (seen.has(callName(call))) {
        if (++known === KNOWN_IN_A_ROW && !whole) break;
      } else {
        known = 0;
        seen.add(callName(call));
        found.push(call);
      }
    }
    return found;
  }
}

const bucketAt = (at: number) => Math.floor(at / BUCKET_MILLISECONDS);
