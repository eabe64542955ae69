import { type AggregateReader, countedUntil, startOf, steps } from '../audit/aggregates.ts';
import { type CallFilter, mayContainMatch } from '../audit/call-filter.ts';
import { BUCKET_MILLISECONDS } from '../audit/tool-call.ts';

export type BucketSearchDependencies = {
  aggregates: AggregateReader;
  retentionDays: number;
  /** Epoch milliseconds. */
  now: () => number;
};

const bucketAt = (at: number) => Math.floor(at / BUCKET_MILLISECONDS);

/**
 * Buckets that may contain calls which match the filter, latest first: the buckets that are not aggregated yet, then those
 * whose aggregates contain a match.
 * @param start the first bucket of the result at the latest
 */
export async function* bucketsBack(
  { aggregates, now, retentionDays }: BucketSearchDependencies,
  filter: CallFilter,
  start = Number.POSITIVE_INFINITY,
): AsyncGenerator<number> {
  const last = Math.min(start, bucketAt(filter.to - 1), bucketAt(now()));
  const from = Math.max(filter.from, now() - retentionDays * steps.day);
  const first = bucketAt(from);
  const counted = await countedUntil(aggregates, now());
  for (let bucket = last; bucket >= Math.max(first, counted / BUCKET_MILLISECONDS); bucket--) yield bucket;
  const aggregated = { from, to: (last + 1) * BUCKET_MILLISECONDS, counted };
  yield* aggregatedBucketsBack(aggregates, filter, aggregated);
}

/** Reads aggregates of days first, of hours where a day matches, and of five minutes where an hour matches. */
async function* aggregatedBucketsBack(
  aggregates: AggregateReader,
  filter: CallFilter,
  { from, to, counted }: { from: number; to: number; counted: number },
): AsyncGenerator<number> {
  const firstAt = bucketAt(from) * BUCKET_MILLISECONDS;
  async function* minutesBack(since: number, until: number) {
    const periods = await aggregates.load('minutes', Math.max(since, firstAt), Math.min(until, to));
    for (const period of periods.toReversed()) {
      if (mayContainMatch(period.aggregates, filter)) yield bucketAt(period.at);
    }
  }

  const countedHour = startOf('hour', counted);
  const countedDay = startOf('day', counted);
  if (countedHour < to && counted > firstAt) yield* minutesBack(countedHour, counted);
  const lastDay = startOf('day', Math.min(countedHour, to));
  const days = await aggregates.load('day', startOf('day', from), Math.min(lastDay + steps.day, countedDay));
  const matching = new Set(days.filter((day) => mayContainMatch(day.aggregates, filter)).map(({ at }) => at));
  for (let day = lastDay; day + steps.day > from; day -= steps.day) {
    if (day < countedDay && !matching.has(day)) continue;
    const hours = await aggregates.load(
      'hour',
      Math.max(day, startOf('hour', from)),
      Math.min(day + steps.day, to, countedHour),
    );
    for (const hour of hours.toReversed()) {
      if (mayContainMatch(hour.aggregates, filter)) yield* minutesBack(hour.at, hour.at + steps.hour);
    }
  }
}
