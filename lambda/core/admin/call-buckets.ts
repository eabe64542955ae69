import {
  type AggregateReader,
  type Aggregates,
  countedUntil,
  type Period,
  type Step,
  startOf,
  steps,
} from '../audit/aggregates.ts';
import { type CallFilter, groupMayMatch, mayContainMatch, selectsErrors } from '../audit/call-filter.ts';
import { type CallKey, countErrorsIn, type ErrorAggregates } from '../audit/error-groups.ts';
import { BUCKET_MILLISECONDS, isError } from '../audit/tool-call.ts';

export type BucketSearchDependencies = {
  aggregates: AggregateReader;
  retentionDays: number;
  /** Epoch milliseconds. */
  now: () => number;
};

/** Five minutes. */
export type Bucket = {
  /** Epoch milliseconds / `BUCKET_MILLISECONDS`. */
  number: number;
  /** The calls that may match, if the aggregates name them: errors, for a filter that selects errors. */
  calls?: CallKey[];
};

/** The errors of a day with at most so many are read in one query; those of another day hour by hour. */
const FEW_ERRORS = 500;
/** Most pages end within the last days. */
const DAYS_AT_ONCE = 7;

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
): AsyncGenerator<Bucket> {
  const last = Math.min(start, bucketAt(filter.to - 1), bucketAt(now()));
  const from = Math.max(filter.from, now() - retentionDays * steps.day);
  const first = bucketAt(from);
  const counted = await countedUntil(aggregates, now());
  for (let number = last; number >= Math.max(first, counted / BUCKET_MILLISECONDS); number--) yield { number };
  const aggregated = { from, to: (last + 1) * BUCKET_MILLISECONDS, counted };
  yield* aggregatedBucketsBack(new BucketAggregates(aggregates, filter, aggregated), aggregated);
}

type Times = { from: number; to: number; counted: number };

/** Reads aggregates of days first, of hours where a day matches, and of five minutes where an hour matches. */
async function* aggregatedBucketsBack(
  aggregates: BucketAggregates,
  { from, to, counted }: Times,
): AsyncGenerator<Bucket> {
  const countedHour = startOf('hour', counted);
  if (countedHour < to && counted > from) yield* aggregates.minutesBack(countedHour, counted);
  for await (const { at, errors } of daysBack(aggregates, { from, to, counted })) {
    if (errors !== undefined && errors <= FEW_ERRORS) {
      yield* aggregates.errorMinutesBack(at, at + steps.day);
      continue;
    }
    const first = Math.max(at, startOf('hour', from));
    const end = Math.min(at + steps.day, to, countedHour);
    for (const hour of await aggregates.matching('hour', first, end, errors !== undefined)) {
      if (hour.errors === undefined) yield* aggregates.minutesBack(hour.at, hour.at + steps.hour);
      else yield* aggregates.errorMinutesBack(hour.at, hour.at + steps.hour);
    }
  }
}

/** The days that may contain a match: those whose aggregates do, and the day that is not aggregated yet. */
async function* daysBack(aggregates: BucketAggregates, { from, to, counted }: Times): AsyncGenerator<Matching> {
  const [firstDay, countedDay] = [startOf('day', from), startOf('day', counted)];
  const lastDay = startOf('day', Math.min(startOf('hour', counted), to));
  if (lastDay >= countedDay && lastDay >= firstDay) yield { at: lastDay };
  let until = Math.min(lastDay + steps.day, countedDay);
  while (until > firstDay) {
    const since = Math.max(firstDay, until - DAYS_AT_ONCE * steps.day);
    yield* await aggregates.matching('day', since, until);
    until = since;
  }
}

/** A period that may contain a match. `errors`: the number of its errors, if its five minutes name all of them. */
type Matching = { at: number; errors?: number };

/** The aggregates that a search reads. */
class BucketAggregates {
  readonly #aggregates: AggregateReader;
  readonly #filter: CallFilter;
  readonly #times: Times;

  constructor(aggregates: AggregateReader, filter: CallFilter, times: Times) {
    this.#aggregates = aggregates;
    this.#filter = filter;
    this.#times = times;
  }

  /** Latest first. @param areErrorsNamed of all periods: then the aggregates of all calls are not read */
  async matching(step: Step, from: number, to: number, areErrorsNamed = false): Promise<Matching[]> {
    if (areErrorsNamed) {
      const periods = await this.#aggregates.loadErrors(step, from, to);
      return periods
        .filter(({ aggregates }) => this.#errorsMayMatch(aggregates))
        .map(({ at, aggregates }) => ({ at, errors: countErrorsIn(aggregates) }))
        .toReversed();
    }
    const [periods, errors] = await this.#load(step, from, to);
    return periods
      .filter(({ at, aggregates }) => this.#mayMatch(aggregates, errors.get(at)))
      .map(({ at }) => {
        const found = errors.get(at);
        return { at, ...(found && { errors: countErrorsIn(found) }) };
      })
      .toReversed();
  }

  async *minutesBack(since: number, until: number): AsyncGenerator<Bucket> {
    const [periods, errors] = await this.#load('minutes', this.#since(since), Math.min(until, this.#times.to));
    for (const { at, aggregates } of periods.toReversed()) {
      const found = errors.get(at);
      if (this.#mayMatch(aggregates, found)) yield found ? this.#bucketOf(at, found) : { number: bucketAt(at) };
    }
  }

  /** The same of periods whose errors are all named. */
  async *errorMinutesBack(since: number, until: number): AsyncGenerator<Bucket> {
    const to = Math.min(until, this.#times.to);
    const periods = await this.#aggregates.loadErrors('minutes', this.#since(since), to);
    for (const { at, aggregates } of periods.toReversed()) {
      if (this.#errorsMayMatch(aggregates)) yield this.#bucketOf(at, aggregates);
    }
  }

  #since = (since: number) => Math.max(since, bucketAt(this.#times.from) * BUCKET_MILLISECONDS);

  async #load(step: Step, from: number, to: number): Promise<[Period<Aggregates>[], Map<number, ErrorAggregates>]> {
    const withErrors = selectsErrors(this.#filter);
    const [periods, errors] = await Promise.all([
      this.#aggregates.load(step, from, to),
      withErrors ? this.#aggregates.loadErrors(step, from, to) : [],
    ]);
    const byStart = new Map(errors.map(({ at, aggregates }) => [at, aggregates]));
    // An earlier version has aggregated all or a part of the other periods without their errors.
    const isWhole = ({ at, aggregates }: Period<Aggregates>) =>
      errorsOf(aggregates) === countErrorsIn(byStart.get(at)!);
    const whole = periods.filter((period) => byStart.has(period.at) && isWhole(period));
    return [periods, new Map(whole.map(({ at }) => [at, byStart.get(at)!]))];
  }

  #mayMatch = (aggregates: Aggregates, errors: ErrorAggregates | undefined) =>
    mayContainMatch(aggregates, this.#filter) && (errors === undefined || this.#errorsMayMatch(errors));

  #errorsMayMatch = ({ groups }: ErrorAggregates) => groups.some((group) => groupMayMatch(group, this.#filter));

  #bucketOf(at: number, { groups, calls }: ErrorAggregates): Bucket {
    const matching = calls?.filter(([group]) => groupMayMatch(groups[group]!, this.#filter));
    return {
      number: bucketAt(at),
      ...(matching && { calls: matching.map(([, session, call]) => ({ session, call })) }),
    };
  }
}

const errorsOf = ({ rows }: Aggregates) =>
  rows.reduce((sum, { outcome, calls }) => sum + (isError(outcome) ? calls : 0), 0);
