import { aggregateItem } from '../../lambda/adapters/dynamodb/audit/aggregate-reader.ts';
import { progressItem } from '../../lambda/adapters/dynamodb/audit/call-progress.ts';
import {
  type AggregateKind,
  type AggregateKinds,
  type AggregateStore,
  aggregateKinds,
  aggregations,
} from '../../lambda/core/audit/aggregate-kinds.ts';
import { type Period, type Step, startOf, steps } from '../../lambda/core/audit/aggregates.ts';
import { aggregateCalls } from '../../lambda/core/audit/call-aggregation.ts';
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
  readonly #minutes = byKind((): Minutes[] => []);
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
    const loaded = byKind(() => emptySteps());
    const aggregates: AggregateStore = {
      async save(kind, step, period, expiresAt) {
        loaded[kind][step].set(period.at, period);
        if (step === 'minutes') counted.#minutes[kind].push({ at: period.at, expiresAt, ...keyOf(kind, period.at) });
        else counted.#store(aggregateItem(kind, step, period, expiresAt));
      },
      load: async <Kind extends AggregateKind>(kind: Kind, step: Step, from: number, to: number) =>
        taken(loaded[kind][step], from, to) as Period<AggregateKinds[Kind]>[],
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
    const [, name] = pk.split('#');
    if (name === 'progress') return sequenceOf([marshalled(progressItem('progress', this.#countedUntil))], 'sk');
    const kind = aggregateKinds.find((each) => keyOf(each, 0).pk.split('#')[1] === name);
    if (kind) return this.#minutesIn(pk, kind);
    const items = [...this.#hoursAndDays.values()].filter((item) => item.pk!.S === pk);
    return sequenceOf(items, 'sk');
  }

  /** The keys and the order are those of the adapter. */
  #minutesIn(pk: string, kind: AggregateKind): Sequence {
    const periods = this.#minutes[kind].filter((each) => each.pk === pk);
    return {
      length: periods.length,
      key: (position) => periods[position]!.sk,
      item: async (position) => {
        const { at, expiresAt } = periods[position]!;
        const builder = aggregations[kind].builder();
        for (const call of callsEndedIn(this.#data, at / BUCKET_MILLISECONDS)) builder.add(call);
        return marshalled(aggregateItem(kind, 'minutes', { at, aggregates: await builder.aggregates() }, expiresAt));
      },
    };
  }

  #store(item: object): void {
    const stored = marshalled(item);
    this.#hoursAndDays.set(`${stored.pk!.S} ${stored.sk!.S}`, stored);
  }
}

/** Five minutes with calls, and the key of their item. */
type Minutes = { at: number; expiresAt: number; pk: string; sk: string };

function keyOf(kind: AggregateKind, at: number) {
  const { pk, sk } = aggregateItem(kind, 'minutes', { at, aggregates: aggregations[kind].merge([]) }, 0);
  return { pk, sk };
}

const byKind = <T>(value: () => T) =>
  Object.fromEntries(aggregateKinds.map((kind) => [kind, value()])) as Record<AggregateKind, T>;

type Loaded = Map<number, Period<AggregateKinds[AggregateKind]>>;
const emptySteps = (): Record<Step, Loaded> => ({ minutes: new Map(), hour: new Map(), day: new Map() });

function taken(loaded: Loaded, from: number, to: number) {
  const found = [...loaded.values()].filter(({ at }) => at >= from && at < to);
  loaded.clear();
  return found.toSorted((a, b) => a.at - b.at);
}
