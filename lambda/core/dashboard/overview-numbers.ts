import {
  type AggregateRow,
  type Aggregates,
  addDurations,
  type Histogram,
  joinAnswers,
  middleOf,
  percentile,
} from '../audit/aggregates.ts';
import { isComplete, sizeOf } from '../audit/samples.ts';
import { isError, OTHERS } from '../audit/tool-call.ts';
import type { Answers, Breakdown, Durations, GroupRow, Overview } from './dashboard-api.ts';

/** Groups of a chart; the rest is `OTHERS`. */
const MOST_GROUPS = 7;
/** Upper limits of the classes of the histogram, in milliseconds. */
const CLASS_LIMITS = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000];

/** @param samples set for the numbers of users and sessions */
export function totalsOf(rows: AggregateRow[], samples: Aggregates | undefined): Overview['totals'] {
  const durations = durationsOf(rows);
  const answers = answersOf(rows);
  return {
    calls: countCalls(rows),
    errors: countErrors(rows),
    ...(durations && { durations }),
    ...(answers && { answers }),
    ...(samples && { users: sizeOf(samples.users), sessions: sizeOf(samples.sessions) }),
  };
}

/** The groups of a breakdown, most calls first, `OTHERS` last. */
export function rankGroups(rows: AggregateRow[], breakdown: Breakdown): GroupRow[] {
  const members = Map.groupBy(rows, (row): string => row[breakdown]);
  return callsByName(rows, (row) => row[breakdown]).map(({ name, calls }) => ({
    name,
    calls,
    errors: countErrors(members.get(name)!),
    durations: durationsOf(members.get(name)!),
    answers: answersOf(members.get(name)!),
  }));
}

type Counted = { calls: number };

/** Calls by name, most calls first, `OTHERS` last. */
export function callsByName<T extends Counted>(rows: T[], nameOf: (row: T) => string) {
  const groups = [...Map.groupBy(rows, nameOf)].map(([name, members]) => ({ name, calls: countCalls(members) }));
  return groups.toSorted(
    (a, b) => Number(a.name === OTHERS) - Number(b.name === OTHERS) || b.calls - a.calls || (a.name < b.name ? -1 : 1),
  );
}

/** Names of the groups of a chart. */
export function chartGroups<T extends Counted>(rows: T[], nameOf: (row: T) => string): string[] {
  const names = callsByName(rows, nameOf).map(({ name }) => name);
  return names.length <= MOST_GROUPS
    ? names
    : [...names.filter((name) => name !== OTHERS).slice(0, MOST_GROUPS - 1), OTHERS];
}

/** Calls of each group. A row of no group counts for the last one, which is `OTHERS`. */
export function countsOf<T extends Counted>(rows: T[], nameOf: (row: T) => string, groups: string[]): number[] {
  const counts = groups.map(() => 0);
  for (const row of rows) {
    const index = groups.indexOf(nameOf(row));
    counts[index === -1 ? groups.length - 1 : index]! += row.calls;
  }
  return counts;
}

/** The classes from the first one with calls to the last. */
export function histogramOf(rows: AggregateRow[]): Overview['histogram'] {
  const counts = Array.from({ length: CLASS_LIMITS.length + 1 }, () => 0);
  for (const [index, calls] of Object.entries(allDurations(rows))) {
    const found = CLASS_LIMITS.findIndex((limit) => middleOf(Number(index)) < limit);
    counts[found === -1 ? CLASS_LIMITS.length : found]! += calls;
  }
  const first = counts.findIndex((calls) => calls > 0);
  const last = counts.findLastIndex((calls) => calls > 0);
  return counts
    .map((calls, index) => ({
      ...(index < CLASS_LIMITS.length && { belowMilliseconds: CLASS_LIMITS[index]! }),
      calls,
    }))
    .slice(Math.max(0, first), last + 1);
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

const countCalls = (rows: Counted[]) => rows.reduce((sum, { calls }) => sum + calls, 0);

const countErrors = (rows: AggregateRow[]) => countCalls(rows.filter(({ outcome }) => isError(outcome)));

function allDurations(rows: AggregateRow[]): Histogram {
  const all: Histogram = {};
  for (const { durations } of rows) addDurations(all, durations);
  return all;
}

function durationsOf(rows: AggregateRow[]): Durations | undefined {
  if (rows.length === 0) return undefined;
  const all = allDurations(rows);
  const [p50, p95, p99] = [50, 95, 99].map((percent) => Math.round(percentile(all, percent) * 10) / 10);
  return { p50: p50!, p95: p95!, p99: p99! };
}

function answersOf(rows: AggregateRow[]): Answers | undefined {
  const sizes = rows.map(({ answers }) => answers).reduce(joinAnswers, undefined);
  return sizes && { average: Math.round(sizes[1] / sizes[0]), largest: sizes[2] };
}
