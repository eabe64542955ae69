import { steps } from '../../lambda/core/audit/aggregates.ts';
import {
  type Breakdown,
  breakdowns,
  type Durations,
  OTHERS,
  type Overview,
} from '../../lambda/core/dashboard/dashboard-api.ts';
import { brief, type Column, TextTable } from './text-table.ts';
import { duration, timeToMinute } from './time-text.ts';

/** The metrics of the dashboard's charts as text. */
export function metricsText(overview: Overview): string {
  const { totals, completeSince } = overview;
  const sections = [
    details(overview)
      .map(([name, value]) => `${name.padEnd(10)}${value}\n`)
      .join(''),
  ];
  if (totals.calls > 0) {
    sections.push(timeCharts(overview), ...breakdowns.map((each) => breakdownTable(overview, each)));
  }
  if (completeSince !== undefined) {
    sections.push(`Too many calls to read all of them: the metrics start at ${timeToMinute(completeSince)}.\n`);
  }
  return sections.join('\n');
}

function details({ from, to, totals, sessions }: Overview): [name: string, value: string][] {
  const details: [string, string][] = [
    ['time', `${timeToMinute(from)} to ${timeToMinute(to)}`],
    ['calls', `${totals.calls}, ${totals.errors} failed${percentage(totals.errors, totals.calls)}`],
  ];
  if (totals.durations) {
    const { p50, p95, p99 } = totals.durations;
    details.push(['duration', `p50 ${duration(p50)}, p95 ${duration(p95)}, p99 ${duration(p99)}`]);
  }
  if (totals.users !== undefined) details.push(['users', String(totals.users)]);
  if (sessions) {
    const { total, active, expired, averageMilliseconds, isEstimate } = sessions;
    const counts = `${total}: ${active} active, ${expired} expired, average ${duration(averageMilliseconds)}`;
    details.push(['sessions', `${isEstimate ? 'about ' : ''}${counts}`]);
  }
  return details;
}

const percentage = (part: number, whole: number) => (part === 0 ? '' : ` (${((100 * part) / whole).toFixed(1)} %)`);

const stepNames: Record<number, string> = {
  [steps.minutes]: '5 minutes',
  [steps.hour]: 'hour',
  [steps.day]: 'day (UTC)',
};

function timeCharts({ bars, stepMilliseconds }: Overview): string {
  const chart = (name: string, numbers: number[]) =>
    `${name.padEnd(10)}│${sparkline(numbers)}│ at most ${Math.max(...numbers)} per ${stepNames[stepMilliseconds] ?? 'bar'}\n`;
  const errors = bars.map((bar) => bar.errors);
  const calls = bars.map((bar) => bar.calls);
  return `${chart('calls', calls)}${Math.max(...errors) > 0 ? chart('errors', errors) : ''}`;
}

const heights = '▁▂▃▄▅▆▇█';

/**
 * A series as a line of small bars. More numbers than fit are added up in groups of neighbours. Only the largest number
 * has the full height, and only 0 has none.
 */
export function sparkline(numbers: readonly number[], mostCharacters = 60): string {
  const groupSize = Math.max(1, Math.ceil(numbers.length / mostCharacters));
  const sums = Array.from({ length: Math.ceil(numbers.length / groupSize) }, (_, index) =>
    numbers.slice(index * groupSize, (index + 1) * groupSize).reduce((sum, number) => sum + number, 0),
  );
  const highest = Math.max(...sums, 0);
  return sums.map((sum) => (sum === 0 ? ' ' : heights[Math.ceil((sum / highest) * heights.length) - 1])).join('');
}

/** A share of the whole as a bar. Only 0 has no width. */
export const shareBar = (part: number, whole: number, width = 20): string =>
  whole === 0 ? '' : '█'.repeat(part === 0 ? 0 : Math.max(1, Math.round((part / whole) * width)));

type BreakdownRow = Overview['rows'][Breakdown][number];

function breakdownTable({ rows, totals }: Overview, breakdown: Breakdown): string {
  const percentile =
    (name: keyof Durations) =>
    ({ durations }: BreakdownRow) =>
      durations ? duration(durations[name]) : '';
  const columns: Column<BreakdownRow>[] = [
    { title: breakdown.toUpperCase(), text: ({ name }) => (name === OTHERS ? '(others)' : brief(name, 40)) },
    { title: 'CALLS', text: ({ calls }) => String(calls), right: true },
    { title: 'ERRORS', text: ({ errors }) => String(errors), right: true },
    { title: 'P50', text: percentile('p50'), right: true },
    { title: 'P95', text: percentile('p95'), right: true },
    { title: 'P99', text: percentile('p99'), right: true },
    { title: 'SHARE', text: ({ calls }) => shareBar(calls, totals.calls) },
  ];
  return new TextTable(columns).lines(rows[breakdown]);
}
