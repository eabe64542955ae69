import { aggregateItem, errorItem } from '../../lambda/adapters/dynamodb/audit/aggregate-reader.ts';
import { progressItem } from '../../lambda/adapters/dynamodb/audit/call-progress.ts';
import {
  AggregateBuilder,
  type AggregateStore,
  type Aggregates,
  type Period,
  type Step,
  startOf,
  steps,
} from '../../lambda/core/audit/aggregates.ts';
import { aggregateCalls } from '../../lambda/core/audit/call-aggregation.ts';
import { type ErrorAggregates, ErrorGroupBuilder } from '../../lambda/core/audit/error-groups.ts';
import type { ToolCall } from '../../lambda/core/audit/tool-call.ts';
import { BUCKET_MILLISECONDS, bucketOf } from '../../lambda/core/audit/tool-call.ts';
import type { Item } from '../../local/dynamodb/dynamodb-store.ts';
import { type GeneratedData, NOW, RETENTION_DAYS } from './generated-data.ts';
import { type Sequence, sequenceOf } from './item-sequence.ts';
import { marshalled } from './wire-items.ts';

/** All calls of a period of five minutes, in no particular order. */
export function* callsEndedIn(data: GeneratedData, bucket: number): Generator<ToolCall> {
  const from = bucket * BUCKET_MILLISECONDS;
  for (const call of data.callsAround(from, from + BUCKET_MILLISECONDS)) {
    if (bucketOf(call) === bucket) yield call;
  }
}

/** The start of the aggregation. */
export const aggregatedSince = (data: GeneratedData) => startOf('hour', data.start) - steps.hour;
/** The time of the last run of the aggregation job. The next one is due. */
export const LAST_RUN = NOW - 60_000;

/**
 * The aggregates of the generated data, written by the aggregation job. Those of hours and days are stored; those of five
 * minutes are computed again at each read.
 */
export class GeneratedAggregates {
  readonly #data: GeneratedData;
  readonly #hoursAndDays = new Map<string, Item>();
  readonly #minutes = new Map<number, number>();
  readonly #errorMinutes = new Map<number, number>();
  #countedUntil = 0;

  private constructor(data: GeneratedData) {
    this.#data = data;
  }

  /** @param progress receives the completed share, from 0 to 1 */
  static async of(
    data: GeneratedData,
    progress: (share: number) => void = () => undefined,
  ): Promise<GeneratedAggregates> {
    const counted = new GeneratedAggregates(data);
    const since = aggregatedSince(data);
    let until: number | undefined = since;
    // An hour is merged from its five minutes, a day from its hours: older aggregates are not loaded.
    const [loaded, loadedErrors] = [emptySteps<Aggregates>(), emptySteps<ErrorAggregates>()];
    const aggregates: AggregateStore = {
      async save(step, period, expiresAt) {
        loaded[step].set(period.at, period);
        if (step === 'minutes') counted.#minutes.set(period.at, expiresAt);
        else counted.#store(aggregateItem(step, period, expiresAt));
      },
      async saveErrors(step, period, expiresAt) {
        loadedErrors[step].set(period.at, period);
        if (step === 'minutes') counted.#errorMinutes.set(period.at, expiresAt);
        else counted.#store(errorItem(step, period, expiresAt));
      },
      load: async (step, from, to) => taken(loaded[step], from, to),
      loadErrors: async (step, from, to) => taken(loadedErrors[step], from, to),
      async moveOn(_, to) {
        until = to;
        progress((to - since) / (NOW - since));
        return true;
      },
      countedUntil: async () => until,
    };
    const calls = {
      async *callsEndedIn(bucket: number) {
        yield* callsEndedIn(data, bucket);
      },
    };
    const dependencies = {
      calls,
      aggregates,
      retentionDays: RETENTION_DAYS + 1,
      now: () => LAST_RUN,
      log: () => undefined,
    };
    counted.#countedUntil = await aggregateCalls(dependencies, () => 1);
    return counted;
  }

  async partition(pk: string): Promise<Sequence> {
    const [, step] = pk.split('#');
    if (step === 'progress') return sequenceOf([marshalled(progressItem('progress', this.#countedUntil))], 'sk');
    if (step === 'minutes') return this.#minutesIn(pk, this.#minutes, aggregatesItem);
    if (step === 'errors-minutes') return this.#minutesIn(pk, this.#errorMinutes, errorsItem);
    const items = [...this.#hoursAndDays.values()].filter((item) => item.pk!.S === pk);
    return sequenceOf(items, 'sk');
  }

  /** The keys and the order are those of the adapter. */
  #minutesIn(pk: string, minutes: Map<number, number>, itemOf: MinutesItem): Sequence {
    const keyOf = (at: number) => {
      const { pk, sk } = itemOf.empty(at);
      return { pk, sk };
    };
    const periods = [...minutes]
      .map(([at, expiresAt]) => ({ at, expiresAt, ...keyOf(at) }))
      .filter((each) => each.pk === pk)
      .toSorted((a, b) => a.at - b.at);
    return {
      length: periods.length,
      key: (position) => periods[position]!.sk,
      item: async (position) => {
        const { at, expiresAt } = periods[position]!;
        const calls = callsEndedIn(this.#data, at / BUCKET_MILLISECONDS);
        return marshalled(await itemOf.build(at, calls, expiresAt));
      },
    };
  }

  #store(item: object): void {
    const stored = marshalled(item);
    this.#hoursAndDays.set(`${stored.pk!.S} ${stored.sk!.S}`, stored);
  }
}

type Loaded<T> = Record<Step, Map<number, Period<T>>>;
const emptySteps = <T>(): Loaded<T> => ({ minutes: new Map(), hour: new Map(), day: new Map() });

function taken<T>(loaded: Map<number, Period<T>>, from: number, to: number): Period<T>[] {
  const found = [...loaded.values()].filter(({ at }) => at >= from && at < to);
  loaded.clear();
  return found.toSorted((a, b) => a.at - b.at);
}

/** The item of five minutes. */
type MinutesItem = {
  empty: (at: number) => { pk: string; sk: string };
  build: (at: number, calls: Iterable<ToolCall>, expiresAt: number) => Promise<object>;
};

async function built<T>(builder: { add(call: ToolCall): void; aggregates(): Promise<T> }, calls: Iterable<ToolCall>) {
  for (const call of calls) builder.add(call);
  return builder.aggregates();
}

const aggregatesItem: MinutesItem = {
  empty: (at) => aggregateItem('minutes', { at, aggregates: { rows: [], users: {}, sessions: {} } }, 0),
  build: async (at, calls, expiresAt) =>
    aggregateItem('minutes', { at, aggregates: await built(new AggregateBuilder(), calls) }, expiresAt),
};

const errorsItem: MinutesItem = {
  empty: (at) => errorItem('minutes', { at, aggregates: { groups: [] } }, 0),
  build: async (at, calls, expiresAt) =>
    errorItem('minutes', { at, aggregates: await built(new ErrorGroupBuilder(), calls) }, expiresAt),
};
