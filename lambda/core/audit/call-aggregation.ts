import type { Logger } from '../support/logger.ts';
import {
  AggregateBuilder,
  type AggregatePeriod,
  type AggregateRow,
  type AggregateStore,
  DAYS_KEPT,
  mergeAggregates,
  type Step,
  startOf,
  steps,
} from './aggregates.ts';
import type { AuditLogReader } from './tool-call.ts';

export type AggregationDependencies = {
  calls: Pick<AuditLogReader, 'callsEndedIn'>;
  aggregates: AggregateStore;
  retentionDays: number;
  /** Epoch milliseconds. */
  now: () => number;
  log: Logger;
};

/** A call is written when it ends, by clocks that differ a little, and a read may be a moment behind. */
const SETTLED_AFTER_MILLISECONDS = 60_000;
/**
 * Counts the calls of each five minutes that are over, and puts hours and days together from them. Each is counted from
 * what is on record and nothing else, so whoever counts it again, at the same time even, comes to the same.
 *
 * @param remainingMilliseconds how long there is left; what is not counted by then is counted next time
 * @returns until when everything is counted, in epoch milliseconds
 */
export async function aggregateCalls(
  parts: AggregationDependencies,
  remainingMilliseconds: () => number,
): Promise<number> {
  const { aggregates, now, retentionDays, log } = parts;
  const until = startOf('minutes', now() - SETTLED_AFTER_MILLISECONDS);
  // What is older than the record is not there to be counted.
  const oldest = startOf('day', now() - retentionDays * steps.day);
  let stored = await aggregates.countedUntil();
  let at = Math.max(stored ?? startOf('day', now() - steps.day), oldest);
  while (at < until && remainingMilliseconds() > 0) {
    // To the end of the hour at most: then the hour is put together from what is stored by then.
    const end = Math.min(until, startOf('hour', at) + steps.hour);
    const starts = Array.from({ length: (end - at) / steps.minutes }, (_, index) => at + index * steps.minutes);
    const counts = { calls: 0, errors: 0 };
    // One after another: each asks for many sessions at once.
    for (const start of starts) {
      for (const { outcome, calls } of await countMinutes(parts, start)) {
        counts.calls += calls;
        if (outcome !== 'success') counts.errors += calls;
      }
    }
    if (startOf('hour', end) === end) await putTogether(parts, 'minutes', 'hour', end - steps.hour);
    if (startOf('day', end) === end) await putTogether(parts, 'hour', 'day', end - steps.day);
    // Somebody else has been here: they have done the same, and go on.
    if (!(await aggregates.moveOn(stored, end))) return end;
    if (counts.calls > 0) log('calls_aggregated', { from: new Date(at).toISOString(), ...counts });
    stored = end;
    at = end;
  }
  return at;
}

async function countMinutes(
  { calls, aggregates, retentionDays }: AggregationDependencies,
  at: number,
): Promise<AggregateRow[]> {
  const counting = new AggregateBuilder();
  for await (const call of calls.callsEndedIn(at / steps.minutes)) counting.add(call);
  const counted = await counting.aggregates();
  await save(aggregates, 'minutes', { at, aggregates: counted }, retentionDays);
  return counted.rows;
}

async function putTogether({ aggregates, retentionDays }: AggregationDependencies, of: Step, step: Step, at: number) {
  const parts = await aggregates.load(of, at, at + steps[step]);
  const whole = mergeAggregates(parts.map((each) => each.aggregates));
  await save(aggregates, step, { at, aggregates: whole }, step === 'day' ? DAYS_KEPT : retentionDays);
}

async function save(store: AggregateStore, step: Step, period: AggregatePeriod, days: number): Promise<void> {
  if (period.aggregates.rows.length === 0) return;
  await store.save(step, period, Math.floor((period.at + steps[step] + days * steps.day) / 1000));
}
