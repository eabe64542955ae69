import type { Logger } from '../support/logger.ts';
import {
  type AggregateKind,
  type AggregateKinds,
  type AggregateStore,
  aggregateKinds,
  aggregations,
} from './aggregate-kinds.ts';
import { type AggregateRow, DAYS_KEPT, type Step, startOf, steps } from './aggregates.ts';
import { type AuditLogReader, isError, SETTLED_AFTER_MILLISECONDS } from './tool-call.ts';

export type AggregationDependencies = {
  calls: Pick<AuditLogReader, 'callsEndedIn'>;
  aggregates: AggregateStore;
  retentionDays: number;
  /** Epoch milliseconds. */
  now: () => number;
  log: Logger;
};

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
  const builders = aggregateKinds.map((kind) => [kind, aggregations[kind].builder()] as const);
  for await (const call of calls.callsEndedIn(at / steps.minutes))
    for (const [, builder] of builders) builder.add(call);
  let rows: AggregateRow[] = [];
  for (const [kind, builder] of builders) {
    const aggregates = await builder.aggregates();
    if ('rows' in aggregates) rows = aggregates.rows;
    await save(store, kind, 'minutes', at, aggregates, expiryOf(kind, 'minutes', at, retentionDays));
  }
  return rows;
}

async function mergePeriods(
  { aggregates: store, retentionDays }: AggregationDependencies,
  from: Step,
  to: Step,
  at: number,
): Promise<void> {
  const merge = async <Kind extends AggregateKind>(kind: Kind) => {
    const periods = await store.load(kind, from, at, at + steps[to]);
    const merged = aggregations[kind].merge(periods.map(({ aggregates }) => aggregates));
    await save(store, kind, to, at, merged, expiryOf(kind, to, at, retentionDays));
  };
  await Promise.all(aggregateKinds.map(merge));
}

/** Epoch seconds. Daily aggregates of all calls identify no user. */
function expiryOf(kind: AggregateKind, step: Step, at: number, retentionDays: number): number {
  const days = kind === 'calls' && step === 'day' ? DAYS_KEPT : retentionDays;
  return Math.floor((at + steps[step] + days * steps.day) / 1000);
}

async function save<Kind extends AggregateKind>(
  store: AggregateStore,
  kind: Kind,
  step: Step,
  at: number,
  aggregates: AggregateKinds[Kind],
  expiresAt: number,
): Promise<void> {
  if (!aggregations[kind].isEmpty(aggregates)) await store.save(kind, step, { at, aggregates }, expiresAt);
}
