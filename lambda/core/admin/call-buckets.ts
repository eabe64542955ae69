import { type AggregateReader, countedUntil } from '../audit/aggregate-kinds.ts';
import { type Aggregates, type Period, type Step, startOf, steps } from '../audit/aggregates.ts';
import { type CallFilter, groupMayMatch, mayContainMatch, selectsErrors } from '../audit/call-filter.ts';
import { type CallKey, countErrorsIn, type ErrorAggregates } from '../audit/error-groups.ts';
import { mergeRareCalls, type RareCall, rareCallsOf } from '../audit/rare-calls.ts';
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
  /** Set if the bucket stands for earlier ones too: the number of the first. */
  first?: number;
  /** The calls that may match, if the aggregates name them: errors, for a filter that selects errors, and calls of rare names. */
  calls?: CallKey[];
  /** The number of aggregates that were read to find the bucket. */
  aggregates?: number;
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
  const reader = new BucketAggregates(aggregates, filter, aggregated);
  for await (const bucket of aggregatedBucketsBack(reader, aggregated))
    yield { ...bucket, aggregates: reader.takeCount() };
}

type Times = { from: number; to: number; counted: number };

/** Reads aggregates of days first, of hours where a day matches, and of five minutes where an hour matches. */
async function* aggregatedBucketsBack(aggregates: BucketAggregates, times: Times): AsyncGenerator<Bucket> {
  const { from, to, counted } = times;
  const countedHour = startOf('hour', counted);
  if (countedHour < to && counted > from) yield* aggregates.minutesBack(countedHour, counted);
  for await (const day of daysBack(aggregates, times)) {
    if (day.rare) yield* aggregates.bucketsOf(day.at, day.rare);
    else if ((day.errors ?? Number.POSITIVE_INFINITY) <= FEW_ERRORS) {
      yield* aggregates.errorMinutesBack(day.at, day.at + steps.day);
    } else yield* hoursOf(aggregates, day, times);
  }
}

/** Yields a bucket without calls after each hour, so that its reader can stop there. */
async function* hoursOf(
  aggregates: BucketAggregates,
  { at, errors }: Matching,
  { from, to, counted }: Times,
): AsyncGenerator<Bucket> {
  const first = Math.max(at, startOf('hour', from));
  const end = Math.min(at + steps.day, to, startOf('hour', counted));
  for (const hour of await aggregates.matching('hour', first, end, errors !== undefined)) {
    if (hour.rare) yield* aggregates.bucketsOf(hour.at, hour.rare);
    else if (hour.errors === undefined) yield* aggregates.minutesBack(hour.at, hour.at + steps.hour);
    else yield* aggregates.errorMinutesBack(hour.at, hour.at + steps.hour);
    yield { number: bucketAt(hour.at), calls: [] };
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

/**
 * A period that may contain a match. `errors`: the number of its errors, if its five minutes name all of them. `rare`: its
 * matching calls, if all are named.
 */
type Matching = { at: number; errors?: number; rare?: RareCall[] };

/** The aggregates that a search reads. */
class BucketAggregates {
  readonly #aggregates: AggregateReader;
  readonly #filter: CallFilter;
  readonly #times: Times;
  #count = 0;

  constructor(aggregates: AggregateReader, filter: CallFilter, times: Times) {
    this.#aggregates = aggregates;
    this.#filter = filter;
    this.#times = times;
  }

  /** The number of aggregates that were read since the last call. */
  takeCount(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  /** Latest first. @param areErrorsNamed of all periods: then the aggregates of all calls are not read */
  async matching(step: Step, from: number, to: number, areErrorsNamed = false): Promise<Matching[]> {
    if (areErrorsNamed) {
      const periods = await this.#loadErrors(step, from, to);
      return periods
        .filter(({ aggregates }) => this.#errorsMayMatch(aggregates))
        .map(({ at, aggregates }) => ({ at, errors: countErrorsIn(aggregates) }))
        .toReversed();
    }
    const { periods, errors, rare } = await this.#load(step, from, to);
    const found = periods
      .filter(({ at, aggregates }) => this.#mayMatch(aggregates, errors.get(at)))
      .map(({ at }): Matching => {
        const [found, named] = [errors.get(at), rare.get(at)];
        return { at, ...(found && { errors: countErrorsIn(found) }), ...(named && { rare: named }) };
      });
    const named = found.flatMap((each) => each.rare ?? []);
    // One read of calls in place of one for each period.
    if (found.length > 1 && found.every((each) => each.rare)) return [{ at: found[0]!.at, rare: named }];
    return found.toReversed();
  }

  /** All named calls since a time as one bucket, that of the latest. */
  *bucketsOf(at: number, rare: RareCall[]): Generator<Bucket> {
    const [first, last] = [bucketAt(this.#since(at)), bucketAt(this.#times.to - 1)];
    const calls = rare.filter(({ bucket }) => bucket >= first && bucket <= last);
    if (calls.length > 0) yield { number: Math.max(...calls.map(({ bucket }) => bucket)), first, calls };
  }

  async *minutesBack(since: number, until: number): AsyncGenerator<Bucket> {
    const { periods, errors, rare } = await this.#load('minutes', this.#since(since), Math.min(until, this.#times.to));
    for (const { at, aggregates } of periods.toReversed()) {
      const [found, calls] = [errors.get(at), rare.get(at)];
      if (!this.#mayMatch(aggregates, found)) continue;
      yield found ? this.#bucketOf(at, found) : { number: bucketAt(at), ...(calls && { calls }) };
    }
  }

  /** The same of periods whose errors are all named. */
  async *errorMinutesBack(since: number, until: number): AsyncGenerator<Bucket> {
    const periods = await this.#loadErrors('minutes', this.#since(since), Math.min(until, this.#times.to));
    for (const { at, aggregates } of periods.toReversed()) {
      if (this.#errorsMayMatch(aggregates)) yield this.#bucketOf(at, aggregates);
    }
  }

  #since = (since: number) => Math.max(since, bucketAt(this.#times.from) * BUCKET_MILLISECONDS);

  async #loadErrors(step: Step, from: number, to: number): Promise<Period<ErrorAggregates>[]> {
    const periods = await this.#aggregates.load('errors', step, from, to);
    this.#count += periods.length;
    return periods;
  }

  /** `errors` and `rare` of the periods that name all of them. */
  async #load(step: Step, from: number, to: number) {
    const { tool, client, clientInfo } = this.#filter;
    const withErrors = selectsErrors(this.#filter);
    const withRare = !withErrors && [tool, client, clientInfo].some((name) => name !== undefined);
    const [periods, errors, rare] = await Promise.all([
      this.#aggregates.load('calls', step, from, to),
      withErrors ? this.#aggregates.load('errors', step, from, to) : [],
      withRare ? this.#aggregates.load('rare', step, from, to) : [],
    ]);
    this.#count += periods.length;
    const errorsAt = new Map(errors.map(({ at, aggregates }) => [at, aggregates]));
    const rareAt = new Map(rare.map(({ at, aggregates }) => [at, aggregates]));
    // An earlier version has aggregated all or a part of the other periods without their errors.
    const isWhole = ({ at, aggregates }: Period<Aggregates>) =>
      errorsOf(aggregates) === countErrorsIn(errorsAt.get(at)!);
    const whole = periods.filter((period) => errorsAt.has(period.at) && isWhole(period));
    const namedAt = ({ at, aggregates }: Period<Aggregates>) =>
      withRare ? rareCallsOf(aggregates, rareAt.get(at) ?? mergeRareCalls([]), this.#filter) : undefined;
    const named = periods.map((period) => [period.at, namedAt(period)] as const);
    return {
      periods,
      errors: new Map(whole.map(({ at }) => [at, errorsAt.get(at)!])),
      rare: new Map(named.filter((each): each is [number, RareCall[]] => each[1] !== undefined)),
    };
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
