import type { CallSearch } from '../admin/call-search.ts';
import {
  type AggregateKind,
  type AggregateKinds,
  type AggregateReader,
  type Aggregation,
  aggregations,
  countedUntil,
} from '../audit/aggregate-kinds.ts';
import { type Aggregates, type Period, type Step, startOf, steps } from '../audit/aggregates.ts';
import { type CallFilter, matchesFilter } from '../audit/call-filter.ts';
import { type AuditLogReader, BUCKET_MILLISECONDS, endOf, LOOKUP_IN_CALLS, type ToolCall } from '../audit/tool-call.ts';
import { mergeUsage, type UsageAggregates } from '../audit/usage-aggregates.ts';

export type OverviewPeriodsDependencies = {
  calls: Pick<AuditLogReader, 'callsEndedIn'>;
  search: Pick<CallSearch, 'ofUser'>;
  aggregates: AggregateReader;
  /** Epoch milliseconds. */
  now: () => number;
};

/** `completeSince`: set at the limit of work, in epoch milliseconds. */
export type OverviewPeriods<T> = { periods: Period<T>[]; completeSince?: number };

/** How aggregates are computed from calls, loaded and merged. */
type Kind<T> = Pick<Aggregation<T>, 'builder' | 'merge'> & {
  load: (aggregates: AggregateReader, step: Step, from: number, to: number) => Promise<Period<T>[]>;
};

const ofKind = <K extends AggregateKind>(kind: K): Kind<AggregateKinds[K]> => ({
  ...aggregations[kind],
  load: (aggregates, step, from, to) => aggregates.load(kind, step, from, to),
});

export const ofCalls = ofKind('calls');
export const ofErrors = ofKind('errors');

/** Calls that are not aggregated yet are read once for both. */
export const ofCallsAndUsage: Kind<{ calls: Aggregates; usage: UsageAggregates }> = {
  builder() {
    const [calls, usage] = [ofCalls.builder(), aggregations.usage.builder()];
    return {
      add(call) {
        calls.add(call);
        usage.add(call);
      },
      aggregates: async () => ({ calls: await calls.aggregates(), usage: await usage.aggregates() }),
    };
  },
  async load(aggregates, step, from, to) {
    const [calls, usage] = await Promise.all([
      aggregates.load('calls', step, from, to),
      aggregates.load('usage', step, from, to),
    ]);
    const byStart = new Map(usage.map((period) => [period.at, period.aggregates]));
    return calls.map(({ at, aggregates }) => ({
      at,
      aggregates: { calls: aggregates, usage: byStart.get(at) ?? mergeUsage([]) },
    }));
  },
  merge: (all) => ({
    calls: ofCalls.merge(all.map(({ calls }) => calls)),
    usage: mergeUsage(all.map(({ usage }) => usage)),
  }),
};

/** Calls of a user that are read: there are no aggregates of users. */
const MOST_OF_USER = 5_000;
/** Limit of the work on calls that are not aggregated yet (see `LOOKUP_IN_CALLS`). */
const MOST_RECENT = 40_000;

/** Steps of which the last, incomplete period of a step is made. */
const smallerSteps = { minutes: [], hour: ['minutes'], day: ['hour', 'minutes'] } as const satisfies Record<
  Step,
  Step[]
>;

/** Periods of all users: stored aggregates, and since then the calls themselves. */
export async function periodsOfAllUsers<T>(
  kind: Kind<T>,
  { calls, aggregates, now }: OverviewPeriodsDependencies,
  { from, to }: CallFilter,
  step: Step,
): Promise<OverviewPeriods<T>> {
  const counted = await countedUntil(aggregates, now());
  const stored = await loadStored(kind, aggregates, { from, to, counted }, step);
  const recent = await readRecent(kind, calls, { from: Math.max(from, counted), to: Math.min(to - 1, now()) }, step);
  const periods = mergeByStep(kind, [...stored, ...recent.periods], step);
  return { periods, ...(recent.completeSince && { completeSince: recent.completeSince }) };
}

/** Periods of a user, or of a grant of the user: aggregates of all these calls, as those of all users are. */
export async function periodsOfUser<T>(
  kind: Kind<T>,
  { search }: OverviewPeriodsDependencies,
  { user, grant, from, to }: CallFilter & { user: string },
  step: Step,
): Promise<OverviewPeriods<T>> {
  const builder = new PeriodBuilder(kind, step);
  const filter = { user, grant, from, to };
  let read = 0;
  for await (const call of search.ofUser(filter)) {
    if (matchesFilter(call, filter)) builder.add(call);
    if (++read === MOST_OF_USER) return { periods: await builder.periods(), completeSince: call.at };
  }
  return { periods: await builder.periods() };
}

async function loadStored<T>(
  kind: Kind<T>,
  aggregates: AggregateReader,
  { from, to, counted }: { from: number; to: number; counted: number },
  step: Step,
): Promise<Period<T>[]> {
  const loads: Promise<Period<T>[]>[] = [];
  let since = from;
  for (const each of [step, ...smallerSteps[step]]) {
    const until = Math.min(to, startOf(each, counted));
    if (since < until) loads.push(kind.load(aggregates, each, since, until));
    since = Math.max(since, until);
  }
  return (await Promise.all(loads)).flat();
}

/** From the latest bucket back, until the limit of work. */
async function readRecent<T>(
  kind: Kind<T>,
  calls: Pick<AuditLogReader, 'callsEndedIn'>,
  { from, to }: { from: number; to: number },
  step: Step,
): Promise<OverviewPeriods<T>> {
  const builder = new PeriodBuilder(kind, step);
  let read = 0;
  let completeSince: number | undefined;
  const first = from / BUCKET_MILLISECONDS;
  for (let bucket = Math.floor(to / BUCKET_MILLISECONDS); bucket >= first && completeSince === undefined; bucket--) {
    const sessions = new Set<string>();
    for await (const call of calls.callsEndedIn(bucket)) {
      builder.add(call);
      sessions.add(call.session);
      read++;
    }
    read += sessions.size * LOOKUP_IN_CALLS;
    if (read > MOST_RECENT && bucket > first) completeSince = bucket * BUCKET_MILLISECONDS;
  }
  return { periods: await builder.periods(), ...(completeSince !== undefined && { completeSince }) };
}

class PeriodBuilder<T> {
  readonly #kind: Kind<T>;
  readonly #step: Step;
  readonly #builders = new Map<number, ReturnType<Kind<T>['builder']>>();

  constructor(kind: Kind<T>, step: Step) {
    this.#kind = kind;
    this.#step = step;
  }

  add(call: ToolCall): void {
    const at = startOf(this.#step, endOf(call));
    const builder = this.#builders.get(at) ?? this.#kind.builder();
    this.#builders.set(at, builder);
    builder.add(call);
  }

  periods(): Promise<Period<T>[]> {
    return Promise.all(
      [...this.#builders].map(async ([at, builder]) => ({ at, aggregates: await builder.aggregates() })),
    );
  }
}

function mergeByStep<T>({ merge }: Kind<T>, periods: Period<T>[], step: Step): Period<T>[] {
  const byStart = Map.groupBy(periods, ({ at }) => startOf(step, at));
  return [...byStart].map(([at, members]) => ({
    at,
    aggregates: merge(members.map(({ aggregates }) => aggregates)),
  }));
}

/** The shortest step with at most so many periods in the time. */
export function stepFor({ from, to }: CallFilter, mostPeriods: number): Step {
  return (['minutes', 'hour', 'day'] as const).find((step) => (to - from) / steps[step] <= mostPeriods) ?? 'day';
}
