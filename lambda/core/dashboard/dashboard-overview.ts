import {
  type AggregatePeriod,
  type AggregateRow,
  type Aggregates,
  DAYS_KEPT,
  emptyAggregates,
  mergeAggregates,
  type Step,
  startOf,
  steps,
} from '../audit/aggregates.ts';
import { type CallFilter, rowMatchesFilter } from '../audit/call-filter.ts';
import type { Bar, Breakdown, Overview } from './dashboard-api.ts';
import { chartGroups, countsOf, rankGroups, sessionNumbers, totalsOf } from './overview-numbers.ts';
import {
  type OverviewPeriodsDependencies,
  ofCalls,
  periodsOfAllUsers,
  periodsOfUser,
  stepFor,
} from './overview-periods.ts';

export type OverviewDependencies = OverviewPeriodsDependencies & { sessionTtlSeconds: number };

/** About the most bars of a chart. */
const MOST_BARS = 200;
const MOST_ROWS = 50;

/** The numbers of the charts. */
export async function overview(dependencies: OverviewDependencies, filter: CallFilter): Promise<Overview> {
  const now = dependencies.now();
  // There are no older aggregates, and a chart since 1970 would have a bar for each day.
  const since = Math.max(filter.from, now - DAYS_KEPT * steps.day);
  const step = stepFor({ ...filter, from: since }, MOST_BARS);
  const from = startOf(step, since);
  const to = Math.min(startOf(step, filter.to - 1) + steps[step], startOf(step, now) + steps[step]);
  const { user } = filter;
  const { periods, completeSince } =
    user === undefined
      ? await periodsOfAllUsers(ofCalls, dependencies, { ...filter, from, to }, step)
      : await periodsOfUser(ofCalls, dependencies, { ...filter, user, from, to }, step);

  const whole = mergeAggregates(periods.map(({ aggregates }) => aggregates));
  const rows = rowsOf(whole, filter);
  // Samples of users and sessions do not state the client, tool and outcome of their calls.
  const { client, clientInfo, tool, outcome } = filter;
  const hasSamples = [client, clientInfo, tool, outcome].every((member) => member === undefined);
  const groups = byBreakdown((breakdown) => chartGroups(rows, breakdown));
  const before =
    user === undefined ? await previousOf(dependencies, { from, to: Math.min(filter.to, now) }, step) : undefined;
  const previous = before && totalsOf(rowsOf(before, filter), hasSamples ? before : undefined);
  return {
    from,
    to,
    stepMilliseconds: steps[step],
    groups,
    bars: barsOf(periods, { from, to, stepMilliseconds: steps[step] }, groups, filter, hasSamples),
    totals: totalsOf(rows, hasSamples ? whole : undefined),
    ...(previous && previous.calls > 0 && { previous }),
    ...(hasSamples && { sessions: sessionNumbers(whole, now - dependencies.sessionTtlSeconds * 1000) }),
    rows: byBreakdown((breakdown) => rankGroups(rows, breakdown).slice(0, MOST_ROWS)),
    ...(completeSince !== undefined && { completeSince }),
  };
}

/** Aggregates of as long a time before. Days in place of hours are a twenty-fourth of the items to read. */
async function previousOf(
  { aggregates }: OverviewDependencies,
  { from, to }: { from: number; to: number },
  step: Step,
): Promise<Aggregates> {
  const before = to - from >= 7 * steps.day ? 'day' : step;
  const periods = await aggregates.load(before, startOf(before, from - (to - from)), startOf(before, from));
  return mergeAggregates(periods.map((period) => period.aggregates));
}

function barsOf(
  periods: AggregatePeriod[],
  { from, to, stepMilliseconds }: Pick<Overview, 'from' | 'to' | 'stepMilliseconds'>,
  groups: Overview['groups'],
  filter: CallFilter,
  hasSamples: boolean,
): Bar[] {
  const byStart = new Map(periods.map(({ at, aggregates }) => [at, aggregates]));
  const bars: Bar[] = [];
  for (let at = from; at < to; at += stepMilliseconds) {
    const aggregates = byStart.get(at) ?? emptyAggregates;
    const rows = rowsOf(aggregates, filter);
    const counts = byBreakdown((breakdown) => countsOf(rows, breakdown, groups[breakdown]));
    bars.push({ at, ...totalsOf(rows, hasSamples ? aggregates : undefined), ...counts });
  }
  return bars;
}

const rowsOf = ({ rows }: Aggregates, filter: CallFilter): AggregateRow[] =>
  rows.filter((row) => rowMatchesFilter(row, filter));

const byBreakdown = <T>(value: (breakdown: Breakdown) => T): Record<Breakdown, T> => ({
  outcome: value('outcome'),
  tool: value('tool'),
  client: value('client'),
});
