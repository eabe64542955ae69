import { matchesFilter } from '../../lambda/core/audit/call-filter.ts';
import {
  type AuditLogReader,
  BUCKET_MILLISECONDS,
  callName,
  endOf,
  SETTLED_AFTER_MILLISECONDS,
  type ToolCall,
} from '../../lambda/core/audit/tool-call.ts';
import type { Filter } from '../../lambda/core/dashboard/dashboard-api.ts';

/** After so many known calls in a row, older ones are assumed to be known. */
const KNOWN_IN_A_ROW = 100;

/**
 * Finds calls that are new since the last poll. A bucket of five minutes lists its calls by their start, so each poll
 * reads the newest calls until it meets a run of known ones. A call that started earlier, on a busy server, is found when
 * its bucket is settled and read as a whole.
 */
export class CallWatch {
  readonly #calls: Pick<AuditLogReader, 'latestEndedIn'>;
  readonly #filter: Omit<Filter, 'to'>;
  /** Names of the calls already returned, by unsettled bucket. */
  readonly #returned = new Map<number, Set<string>>();

  /** @param filter `from`: when watching started */
  constructor(calls: Pick<AuditLogReader, 'latestEndedIn'>, filter: Omit<Filter, 'to'>) {
    this.#calls = calls;
    this.#filter = filter;
    this.#returned.set(bucketAt(filter.from), new Set());
  }

  /** @param now epoch milliseconds @returns the new calls in the order they ended */
  async poll(now: number): Promise<ToolCall[]> {
    const calls: ToolCall[] = [];
    for (let bucket = Math.max(...this.#returned.keys()); bucket < bucketAt(now); ) {
      this.#returned.set(++bucket, new Set());
    }
    for (const [bucket, returned] of this.#returned) {
      const isSettled = (bucket + 1) * BUCKET_MILLISECONDS + SETTLED_AFTER_MILLISECONDS < now;
      calls.push(...(await this.#newCalls(bucket, returned, isSettled, now)));
      if (isSettled) this.#returned.delete(bucket);
    }
    const filter = { ...this.#filter, to: Number.POSITIVE_INFINITY };
    return calls.filter((call) => matchesFilter(call, filter)).toSorted((a, b) => endOf(a) - endOf(b));
  }

  async #newCalls(bucket: number, returned: Set<string>, isSettled: boolean, now: number): Promise<ToolCall[]> {
    const calls: ToolCall[] = [];
    let knownInARow = 0;
    for await (const call of this.#calls.latestEndedIn(bucket, { now: Math.floor(now / 1000) })) {
      if (returned.has(callName(call))) {
        if (++knownInARow === KNOWN_IN_A_ROW && !isSettled) break;
      } else {
        knownInARow = 0;
        returned.add(callName(call));
        calls.push(call);
      }
    }
    return calls;
  }
}

const bucketAt = (at: number) => Math.floor(at / BUCKET_MILLISECONDS);
