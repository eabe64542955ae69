import { type AggregateRow, type Aggregates, addDurations, type Histogram, percentile } from '../audit/aggregates.ts';
import { isComplete, sizeOf } from '../audit/samples.ts';
import { isError, OTHERS } from '../audit/tool-call.ts';
import type { Breakdown, Durations, Overview } from './dashboard-api.ts';

/** Groups of a chart; the rest is `OTHERS`. */
const MOST_GROUPS = 7;

/** @param samples set for the numbers of users and sessions */
export function totalsOf(rows: AggregateRow[], samples: Aggregates | undefined): Overview['totals'] {
  const durations = durationsOf(rows);
  return {
    calls: countCalls(rows),
    errors: countErrors(rows),
    ...(durations && { durations }),
    ...(samples && { users: sizeOf(samples.users), sessions: sizeOf(samples.sessions) }),
  };
}

/** The groups of a breakdown, most calls first, `OTHERS` last. */
export function rankGroups(rows: AggregateRow[], breakdown: Breakdown) {
  const groups = [...Map.groupBy(rows, (row) => row[breakdown])].map(([name, members]) => ({
    name: name as string,
    calls: countCalls(members),
    errors: countErrors(members),
    durations: durationsOf(members),
  }));
  return groups.toSorted(
    (a, b) => Number(a.name === OTHERS) - Number(b.name === OTHERS) || b.calls - a.calls || (a.name < b.name ? -1 : 1),
  );
}

/** Names of the groups of a chart. */
export function chartGroups(rows: AggregateRow[], breakdown: Breakdown): string[] {
  const names = rankGroups(rows, breakdown).map(({ name }) => name);
  return names.length <= MOST_GROUPS
    ? names
    : [...names.filter((name) => name !== OTHERS).slice(0, MOST_GROUPS - 1), OTHERS];
}

/** Calls of each group. A row of no group counts for the last one, which is `OTHERS`. */
export function countsOf(rows: AggregateRow[], breakdown: Breakdown, groups: string[]): number[] {
  const counts = groups.map(() => 0);
  for (const row of rows) {
    const index = groups.indexOf(row[breakdown]);
    counts[index === -1 ? groups.length - 1 : index]! += row.calls;
  }
  return counts;
}

/** Numbers of sessions, extrapolated from the sample. @param activeSince epoch milliseconds */
export function sessionNumbers({ sessions }: Aggregates, activeSince: number): NonNullable<Overview['sessions']> {
  const sample = Object.values(sessions);
  const total = sizeOf(sessions);
  const activeInSample = sample.filter(([, last]) => last > activeSince).length;
  const active = sample.length === 0 ? 0 : Math.round((total * activeInSample) / sample.length);
  const milliseconds = sample.reduce((sum, [first, last]) => sum + last - first, 0);
  return {
    total,
    active,
    expired: total - active,
    averageMilliseconds: sample.length === 0 ? 0 : Math.round(milliseconds / sample.length),
    isEstimate: !isComplete(sessions),
  };
}

const countCalls = (rows: AggregateRow[]) => rows.reduce((sum, { calls }) => sum + calls, 0);

const countErrors = (rows: AggregateRow[]) => countCalls(rows.filter(({ outcome }) => isError(outcome)));

function durationsOf(rows: AggregateRow[]): Durations | undefined {
  if (rows.length === 0) return undefined;
  const all: Histogram = {};
  for (const { durations } of rows) addDurations(all, durations);
  const [p50, p95, p99] = [50, 95, 99].map((percent) => Math.round(percentile(all, percent) * 10) / 10);
  return { p50: p50!, p95: p95!, p99: p99! };
}
