import {
  type AggregateRow,
  type Aggregates,
  DAYS_KEPT,
  emptyAggregates,
  mergeAggregates,
  type Period,
  type Step,
  startOf,
  steps,
} from '../audit/aggregates.ts';
import { type CallFilter, rowMatchesFilter } from '../audit/call-filter.ts';
import type { AuditLogReader } from '../audit/tool-call.ts';
import { mergeUsage, type UsageAggregates } from '../audit/usage-aggregates.ts';
import type { Bar, BarBreakdown, Breakdown, Overview } from './dashboard-api.ts';
import { chartGroups, countsOf, histogramOf, rankGroups, sessionNumbers, totalsOf } from './overview-numbers.ts';
import {
  type OverviewPeriods,
  type OverviewPeriodsDependencies,
  ofCallsAndUsage,
  periodsOfAllUsers,
  periodsOfUser,
  stepFor,
} from './overview-periods.ts';
import { neighboursOf, topUsersOf, versionsOf } from './overview-usage.ts';

export type OverviewDependencies = OverviewPeriodsDependencies & {
  calls: Pick<AuditLogReader, 'callsOfKeys'>;
  sessionTtlSeconds: number;
};

/** About the most bars of a chart. */
const MOST_BARS = 200;
const MOST_ROWS = 100;

/** The numbers of the charts. */
export async function overview(dependencies: OverviewDependencies, filter: CallFilter): Promise<Overview> {
  const now = dependencies.now();
  // There are no older aggregates, and a chart since 1970 would have a bar for each day.
  const since = Math.max(filter.from, now - DAYS_KEPT * steps.day);
  const step = stepFor({ ...filter, from: since }, MOST_BARS);
  const from = startOf(step, since);
  const to = Math.min(startOf(step, filter.to - 1) + steps[step], startOf(step, now) + steps[step]);
  const lengthMilliseconds = Math.min(filter.to, now) - from;
  const { periods, completeSince, before } = await periodsOf(
    dependencies,
    { ...filter, from, to },
    step,
    lengthMilliseconds,
  );

  const whole = mergeAggregates(periods.map(({ aggregates }) => aggregates.calls));
  const usage = mergeUsage(periods.map(({ aggregates }) => aggregates.usage));
  const rows = rowsOf(whole, filter);
  // Samples of users and sessions do not state the client, tool and outcome of their calls, nor do the most active users.
  const { client, clientInfo, tool, outcome } = filter;
  const hasSamples = [client, clientInfo, tool, outcome].every((member) => member === undefined);
  const versions = versionsOf(usage, filter);
  const groups = {
    ...byBreakdown((breakdown) => chartGroups(rows, (row) => row[breakdown])),
    version: chartGroups(versions, (row) => row.version),
    protocol: chartGroups(versions, (row) => row.protocol),
  };
  const previous = before && totalsOf(rowsOf(before, filter), hasSamples ? before : undefined);
  const neighbours = neighboursOf(usage, filter);
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
    histogram: histogramOf(rows),
    ...(hasSamples && filter.user === undefined && { topUsers: await topUsersOf(usage, dependencies) }),
    ...(neighbours && { neighbours }),
    ...(completeSince !== undefined && { completeSince }),
  };
}

type Both = { calls: Aggregates; usage: UsageAggregates };

/** The periods, and the aggregates of as long a time before. */
async function periodsOf(
  dependencies: OverviewDependencies,
  filter: CallFilter,
  step: Step,
  lengthMilliseconds: number,
): Promise<OverviewPeriods<Both> & { before?: Aggregates }> {
  const { user, from } = filter;
  if (user === undefined) {
    const [found, before] = await Promise.all([
      periodsOfAllUsers(ofCallsAndUsage, dependencies, filter, step),
      storedBefore(dependencies, from, lengthMilliseconds, step),
    ]);
    return { ...found, before };
  }
  const earlier = startOf(step, from - lengthMilliseconds);
  const { periods, completeSince } = await periodsOfUser(
    ofCallsAndUsage,
    dependencies,
    { ...filter, user, from: earlier },
    step,
  );
  const own = periods.filter(({ at }) => at >= from);
  if (completeSince !== undefined) return { periods: own, ...(completeSince >= from && { completeSince }) };
  return { periods: own, before: mergeCalls(periods.filter(({ at }) => at < from)) };
}

const mergeCalls = (periods: Period<Both>[]) => mergeAggregates(periods.map(({ aggregates }) => aggregates.calls));

/** Days in place of hours are a twenty-fourth of the items to read. */
async function storedBefore(
  { aggregates }: OverviewDependencies,
  from: number,
  lengthMilliseconds: number,
  step: Step,
): Promise<Aggregates> {
  const before = lengthMilliseconds >= 7 * steps.day ? 'day' : step;
  const start = startOf(before, from - lengthMilliseconds);
  const periods = await aggregates.load('calls', before, start, startOf(before, from));
  return mergeAggregates(periods.map((period) => period.aggregates));
}

function barsOf(
  periods: Period<Both>[],
  { from, to, stepMilliseconds }: Pick<Overview, 'from' | 'to' | 'stepMilliseconds'>,
  groups: Overview['groups'],
  filter: CallFilter,
  hasSamples: boolean,
): Bar[] {
  const byStart = new Map(periods.map(({ at, aggregates }) => [at, aggregates]));
  const bars: Bar[] = [];
  for (let at = from; at < to; at += stepMilliseconds) {
    const { calls, usage } = byStart.get(at) ?? { calls: emptyAggregates, usage: undefined };
    const rows = rowsOf(calls, filter);
    const versions = usage ? versionsOf(usage, filter) : [];
    const counts: Record<BarBreakdown, number[]> = {
      ...byBreakdown((breakdown) => countsOf(rows, (row) => row[breakdown], groups[breakdown])),
      version: countsOf(versions, (row) => row.version, groups.version),
      protocol: countsOf(versions, (row) => row.protocol, groups.protocol),
    };
    bars.push({ at, ...totalsOf(rows, hasSamples ? calls : undefined), ...counts });
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
