import type { CallSearch } from '../admin/call-search.ts';
import {
  AggregateBuilder,
  type AggregatePeriod,
  type AggregateReader,
  countedUntil,
  mergeAggregates,
  type Step,
  startOf,
  steps,
} from '../audit/aggregates.ts';
import { type CallFilter, matchesFilter } from '../audit/call-filter.ts';
import { type AuditLogReader, BUCKET_MILLISECONDS, endOf, LOOKUP_IN_CALLS, type ToolCall } from '../audit/tool-call.ts';

export type OverviewPeriodsDependencies = {
  calls: Pick<AuditLogReader, 'callsEndedIn'>;
  search: Pick<CallSearch, 'ofUser'>;
  aggregates: AggregateReader;
  /** Epoch milliseconds. */
  now: () => number;
};

/** `completeSince`: set at the limit of work, in epoch milliseconds. */
export type OverviewPeriods = { periods: AggregatePeriod[]; completeSince?: number };

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
export async function periodsOfAllUsers(
  { calls, aggregates, now }: OverviewPeriodsDependencies,
  { from, to }: CallFilter,
  step: Step,
): Promise<OverviewPeriods> {
  const counted = await countedUntil(aggregates, now());
  const stored = await loadStored(aggregates, { from, to, counted }, step);
  const recent = await readRecent(calls, { from: Math.max(from, counted), to: Math.min(to - 1, now()) }, step);
  const periods = mergeByStep([...stored, ...recent.periods], step);
  return { periods, ...(recent.completeSince && { completeSince: recent.completeSince }) };
}

export async function periodsOfUser(
  { search }: OverviewPeriodsDependencies,
  filter: CallFilter & { user: string },
  step: Step,
): Promise<OverviewPeriods> {
  const builder = new PeriodBuilder(step);
  let read = 0;
  for await (const call of search.ofUser(filter)) {
    if (matchesFilter(call, filter)) builder.add(call);
    if (++read === MOST_OF_USER) return { periods: await builder.periods(), completeSince: call.at };
  }
  return { periods: await builder.periods() };
}

async function loadStored(
  aggregates: AggregateReader,
  { from, to, counted }: { from: number; to: number; counted: number },
  step: Step,
): Promise<AggregatePeriod[]> {
  const loads: Promise<AggregatePeriod[]>[] = [];
  let since = from;
  for (const each of [step, ...smallerSteps[step]]) {
    const until = Math.min(to, startOf(each, counted));
    if (since < until) loads.push(aggregates.load(each, since, until));
    since = Math.max(since, until);
  }
  return (await Promise.all(loads)).flat();
}

/** From the latest bucket back, until the limit of work. */
async function readRecent(
  calls: Pick<AuditLogReader, 'callsEndedIn'>,
  { from, to }: { from: number; to: number },
  step: Step,
): Promise<OverviewPeriods> {
  const builder = new PeriodBuilder(step);
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

class PeriodBuilder {
  readonly #step: Step;
  readonly #builders = new Map<number, AggregateBuilder>();

  constructor(step: Step) {
    this.#step = step;
  }

  add(call: ToolCall): void {
    const at = startOf(this.#step, endOf(call));
    const builder = this.#builders.get(at) ?? new AggregateBuilder();
    this.#builders.set(at, builder);
    builder.add(call);
  }

  periods(): Promise<AggregatePeriod[]> {
    return Promise.all(
      [...this.#builders].map(async ([at, builder]) => ({ at, aggregates: await builder.aggregates() })),
    );
  }
}

function mergeByStep(periods: AggregatePeriod[], step: Step): AggregatePeriod[] {
  const byStart = Map.groupBy(periods, ({ at }) => startOf(step, at));
  return [...byStart].map(([at, members]) => ({
    at,
    aggregates: mergeAggregates(members.map(({ aggregates }) => aggregates)),
  }));
}

/** The shortest step with at most so many periods in the time. */
export function stepFor({ from, to }: CallFilter, mostPeriods: number): Step {
  return (['minutes', 'hour', 'day'] as const).find((step) => (to - from) / steps[step] <= mostPeriods) ?? 'day';
}
