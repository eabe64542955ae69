import type { Logger } from '../support/logger.ts';
import {
  AggregateBuilder,
  type AggregateRow,
  type AggregateStore,
  type Aggregates,
  DAYS_KEPT,
  mergeAggregates,
  type Step,
  startOf,
  steps,
} from './aggregates.ts';
import { type ErrorAggregates, ErrorGroupBuilder, mergeErrors } from './error-groups.ts';
import { type AuditLogReader, isError } from './tool-call.ts';

export type AggregationDependencies = {
  calls: Pick<AuditLogReader, 'callsEndedIn'>;
  aggregates: AggregateStore;
  retentionDays: number;
  /** Epoch milliseconds. */
  now: () => number;
  log: Logger;
};

/** A call is written when it ends, by clocks that differ, and an index or replica may be behind. */
export const SETTLED_AFTER_MILLISECONDS = 60_000;

/**
 * Aggregates the calls of each complete period of five minutes, and merges these into hours and days. The result depends
 * on the audit log alone, so repeated and concurrent runs store the same.
 *
 * @param remainingMilliseconds time left for this run; the next run continues
 * @returns until when calls are aggregated, in epoch milliseconds
 */
export async function aggregateCalls(
  dependencies: AggregationDependencies,
  remainingMilliseconds: () => number,
): Promise<number> {
  const { aggregates, now, retentionDays, log } = dependencies;
  const until = startOf('minutes', now() - SETTLED_AFTER_MILLISECONDS);
  // Older calls have expired.
  const oldest = startOf('day', now() - retentionDays * steps.day);
  let stored = await aggregates.countedUntil();
  let at = Math.max(stored ?? startOf('day', now() - steps.day), oldest);
  while (at < until && remainingMilliseconds() > 0) {
    // Up to the end of the hour, which is then merged from stored periods.
    const end = Math.min(until, startOf('hour', at) + steps.hour);
    const counts = await aggregateMinutes(dependencies, at, end);
    if (startOf('hour', end) === end) await mergePeriods(dependencies, 'minutes', 'hour', end - steps.hour);
    if (startOf('day', end) === end) await mergePeriods(dependencies, 'hour', 'day', end - steps.day);
    // A concurrent run has stored the same and continues.
    if (!(await aggregates.moveOn(stored, end))) return end;
    if (counts.calls > 0) log('calls_aggregated', { from: new Date(at).toISOString(), ...counts });
    stored = end;
    at = end;
  }
  return at;
}

/** One period after the other: each reads many sessions in parallel. */
async function aggregateMinutes(dependencies: AggregationDependencies, from: number, to: number) {
  const counts = { calls: 0, errors: 0 };
  for (let at = from; at < to; at += steps.minutes) {
    for (const { outcome, calls } of await aggregatePeriod(dependencies, at)) {
      counts.calls += calls;
      if (isError(outcome)) counts.errors += calls;
    }
  }
  return counts;
}

async function aggregatePeriod(
  { calls, aggregates: store, retentionDays }: AggregationDependencies,
  at: number,
): Promise<AggregateRow[]> {
  const builder = new AggregateBuilder();
  const errors = new ErrorGroupBuilder();
  for await (const call of calls.callsEndedIn(at / steps.minutes)) {
    builder.add(call);
    errors.add(call);
  }
  const aggregates = await builder.aggregates();
  const expiresAt = expiryOf('minutes', at, retentionDays);
  await save(store, 'minutes', at, aggregates, expiresAt);
  await saveErrors(store, 'minutes', at, await errors.aggregates(), expiresAt);
  return aggregates.rows;
}

async function mergePeriods(
  { aggregates: store, retentionDays }: AggregationDependencies,
  from: Step,
  to: Step,
  at: number,
): Promise<void> {
  const end = at + steps[to];
  const [periods, errors] = await Promise.all([store.load(from, at, end), store.loadErrors(from, at, end)]);
  const aggregates = mergeAggregates(periods.map((period) => period.aggregates));
  await save(store, to, at, aggregates, expiryOf(to, at, to === 'day' ? DAYS_KEPT : retentionDays));
  const merged = mergeErrors(errors.map((period) => period.aggregates));
  await saveErrors(store, to, at, merged, expiryOf(to, at, retentionDays));
}

/** Epoch seconds. */
const expiryOf = (step: Step, at: number, days: number) => Math.floor((at + steps[step] + days * steps.day) / 1000);

async function save(store: AggregateStore, step: Step, at: number, aggregates: Aggregates, expiresAt: number) {
  if (aggregates.rows.length > 0) await store.save(step, { at, aggregates }, expiresAt);
}

async function saveErrors(
  store: AggregateStore,
  step: Step,
  at: number,
  aggregates: ErrorAggregates,
  expiresAt: number,
) {
  if (aggregates.groups.length > 0) await store.saveErrors(step, { at, aggregates }, expiresAt);
}
