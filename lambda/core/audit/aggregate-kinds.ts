import {
  AggregateBuilder,
  type Aggregates,
  mergeAggregates,
  type Period,
  type Step,
  startOf,
  steps,
} from './aggregates.ts';
import { type ErrorAggregates, ErrorGroupBuilder, mergeErrors } from './error-groups.ts';
import { mergeRareCalls, RareCallBuilder, type RareCalls } from './rare-calls.ts';
import type { ToolCall } from './tool-call.ts';
import { mergeUsage, type UsageAggregates, UsageBuilder } from './usage-aggregates.ts';

/** The aggregates of a period, each kind in an item. A kind other than `calls` is absent where it is empty. */
export type AggregateKinds = { calls: Aggregates; errors: ErrorAggregates; usage: UsageAggregates; rare: RareCalls };
export type AggregateKind = keyof AggregateKinds;

/** How aggregates are computed from calls, and merged. */
export type Aggregation<T> = {
  builder: () => { add(call: ToolCall): void; aggregates(): Promise<T> };
  merge: (all: readonly T[]) => T;
  isEmpty: (aggregates: T) => boolean;
};

export const aggregations: { [Kind in AggregateKind]: Aggregation<AggregateKinds[Kind]> } = {
  calls: { builder: () => new AggregateBuilder(), merge: mergeAggregates, isEmpty: ({ rows }) => rows.length === 0 },
  errors: { builder: () => new ErrorGroupBuilder(), merge: mergeErrors, isEmpty: ({ groups }) => groups.length === 0 },
  usage: { builder: () => new UsageBuilder(), merge: mergeUsage, isEmpty: ({ users }) => users.length === 0 },
  rare: { builder: () => new RareCallBuilder(), merge: mergeRareCalls, isEmpty: ({ calls }) => calls.length === 0 },
};

export const aggregateKinds = Object.keys(aggregations) as AggregateKind[];

/** Read access to aggregates. Every method throws `ServiceUnavailableError` when the store does not answer. */
export interface AggregateReader {
  /**
   * Periods that start from `from` and before `to`, in order. Periods without calls are absent; of a kind other than `calls`,
   * those that an earlier version has aggregated too.
   */
  load<Kind extends AggregateKind>(
    kind: Kind,
    step: Step,
    from: number,
    to: number,
  ): Promise<Period<AggregateKinds[Kind]>[]>;
  /** Until when calls are aggregated, in epoch milliseconds; absent before the first run of the aggregation job. */
  countedUntil(): Promise<number | undefined>;
}

/** The progress of a job that reads each call once. */
export interface CallProgress {
  /** Until when the job has read the calls, in epoch milliseconds; absent before its first run. */
  countedUntil(): Promise<number | undefined>;
  /** Sets `countedUntil`; false when it is not `from`, because another run of the job has set it. */
  moveOn(from: number | undefined, to: number): Promise<boolean>;
}

export interface AggregateStore extends AggregateReader, CallProgress {
  /** Replaces the aggregates of the period. @param expiresAt epoch seconds */
  save<Kind extends AggregateKind>(
    kind: Kind,
    step: Step,
    period: Period<AggregateKinds[Kind]>,
    expiresAt: number,
  ): Promise<void>;
}

/**
 * Until when calls are aggregated, in epoch milliseconds. Before the first run of the aggregation job, minutes after the
 * deployment, readers read the calls of the last hour one by one.
 */
export const countedUntil = async (aggregates: AggregateReader, now: number): Promise<number> =>
  (await aggregates.countedUntil()) ?? startOf('hour', now - steps.hour);
