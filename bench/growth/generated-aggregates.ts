import { aggregateItem, progressItem } from '../../lambda/adapters/dynamodb/aggregate-reader.ts';
import {
  AggregateBuilder,
  type AggregatePeriod,
  type AggregateStore,
  type Step,
  startOf,
  steps,
} from '../../lambda/core/audit/aggregates.ts';
import { aggregateCalls } from '../../lambda/core/audit/call-aggregation.ts';
import type { ToolCall } from '../../lambda/core/audit/tool-call.ts';
import { BUCKET_MILLISECONDS, bucketOf } from '../../lambda/core/audit/tool-call.ts';
import type { Item } from '../../local/dynamodb/dynamodb-store.ts';
import { NOW, RETENTION_DAYS, type World } from './generated-world.ts';
import { type Sequence, sequenceOf } from './item-sequence.ts';
import { marshalled } from './wire-items.ts';

/** All calls of the five minutes, in no order. */
export function* callsEndedIn(world: World, bucket: number): Generator<ToolCall> {
  const from = bucket * BUCKET_MILLISECONDS;
  for (const call of world.callsAround(from, from + BUCKET_MILLISECONDS)) {
    if (bucketOf(call) === bucket) yield call;
  }
}

/** Since when the calls of a world are counted, and until when they were at its last rollup. */
export const countedSince = (world: World) => startOf('hour', world.begin) - steps.hour;
/** The run before took place a minute and more after these five minutes were over, and the next one is due. */
export const LAST_RUN = NOW - 60_000;

/**
 * The aggregates of a world, made by the rollup itself. Those of hours and days are kept; those of five minutes are
 * counted again when they are asked for.
 */
export class Counted {
  readonly #world: World;
  readonly #whole = new Map<string, Item>();
  readonly #minutes = new Map<number, number>();
  #countedUntil = 0;

  private constructor(world: World) {
    this.#world = world;
  }

  /** @param progress hears how far it has come, from 0 to 1 */
  static async of(world: World, progress: (share: number) => void = () => undefined): Promise<Counted> {
    const counted = new Counted(world);
    const since = countedSince(world);
    let until: number | undefined = since;
    // Hours are put together from their five minutes, and days from their hours: nothing older is loaded.
    const loaded: Record<Step, Map<number, AggregatePeriod>> = { minutes: new Map(), hour: new Map(), day: new Map() };
    const aggregates: AggregateStore = {
      async save(step, period, expiresAt) {
        loaded[step].set(period.at, period);
        if (step === 'minutes') counted.#minutes.set(period.at, expiresAt);
        else counted.#keep(aggregateItem(step, period, expiresAt));
      },
      async load(step, from, to) {
        const found = [...loaded[step].values()].filter(({ at }) => at >= from && at < to);
        loaded[step].clear();
        return found.toSorted((a, b) => a.at - b.at);
      },
      async moveOn(_, to) {
        until = to;
        progress((to - since) / (NOW - since));
        return true;
      },
      countedUntil: async () => until,
    };
    const calls = {
      async *callsEndedIn(bucket: number) {
        yield* callsEndedIn(world, bucket);
      },
    };
    const parts = { calls, aggregates, retentionDays: RETENTION_DAYS + 1, now: () => LAST_RUN, log: () => undefined };
    counted.#countedUntil = await aggregateCalls(parts, () => 1);
    return counted;
  }

  async partition(pk: string): Promise<Sequence> {
    const [, step] = pk.split('#');
    if (step === 'progress') return sequenceOf([marshalled(progressItem(this.#countedUntil))], 'sk');
    if (step === 'minutes') return this.#minutesIn(pk);
    const items = [...this.#whole.values()].filter((item) => item.pk!.S === pk);
    return sequenceOf(items, 'sk');
  }

  /** Where the aggregates stand, and in which order, as the adapter has it. */
  #minutesIn(pk: string): Sequence {
    const here = [...this.#minutes]
      .map(([at, expiresAt]) => ({ at, expiresAt, ...keyOfMinutes(at) }))
      .filter((each) => each.pk === pk)
      .toSorted((a, b) => a.at - b.at);
    return {
      length: here.length,
      key: (position) => here[position]!.sk,
      item: async (position) => {
        const { at, expiresAt } = here[position]!;
        const counting = new AggregateBuilder();
        for (const call of callsEndedIn(this.#world, at / BUCKET_MILLISECONDS)) counting.add(call);
        return marshalled(aggregateItem('minutes', { at, aggregates: await counting.aggregates() }, expiresAt));
      },
    };
  }

  #keep(item: object): void {
    const kept = marshalled(item);
    this.#whole.set(`${kept.pk!.S} ${kept.sk!.S}`, kept);
  }
}

const empty = { rows: [], users: {}, sessions: {} };
const keyOfMinutes = (at: number) => {
  const { pk, sk } = aggregateItem('minutes', { at, aggregates: empty }, 0);
  return { pk, sk };
};
