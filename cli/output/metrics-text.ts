import { steps } from '../../lambda/core/audit/aggregates.ts';
import {
  type Breakdown,
  breakdowns,
  type Durations,
  OTHERS,
  type Overview,
} from '../../lambda/core/dashboard/dashboard-api.ts';
import { bar, sparkline } from './bar-text.ts';
import { brief } from './plain-text.ts';
import { type Column, TableText } from './text-table.ts';
import { duration, shortTime } from './time-text.ts';

/** What the charts of the dashboard show, in letters. */
export function statisticsText(overview: Overview): string {
  const { from, to, totals, sessions, completeSince } = overview;
  const facts: [string, string][] = [
    ['time', `${shortTime(from)} to ${shortTime(to)}`],
    ['calls', `${totals.calls}, ${totals.errors} of them without success${share(totals.errors, totals.calls)}`],
  ];
  if (totals.durations) facts.push(['took', durationsText(totals.durations)]);
  if (totals.users !== undefined) facts.push(['users', String(totals.users)]);
  if (sessions) {
    const { total, active, expired, averageMilliseconds, isEstimate } = sessions;
    const about = isEstimate ? 'about ' : '';
    facts.push([
      'sessions',
      `${about}${total}: ${active} active, ${expired} expired, ${duration(averageMilliseconds)} on average`,
    ]);
  }
  const parts = [facts.map(([name, fact]) => `${name.padEnd(10)}${fact}\n`).join('')];
  if (totals.calls > 0) parts.push(overTime(overview), ...breakdowns.map((each) => breakdownText(overview, each)));
  if (completeSince !== undefined) {
    parts.push(
      `There are too many calls to look at all of them: these are the ones since ${shortTime(completeSince)}.\n`,
    );
  }
  return parts.join('\n');
}

const share = (part: number, whole: number) => (part === 0 ? '' : ` (${((100 * part) / whole).toFixed(1)} %)`);

const durationsText = ({ p50, p95, p99 }: Durations) =>
  `half within ${duration(p50)}, 95 % within ${duration(p95)}, 99 % within ${duration(p99)}`;

function overTime({ bars, stepMilliseconds }: Overview): string {
  const line = (name: string, numbers: number[]) =>
    `${name.padEnd(10)}│${sparkline(numbers)}│ at most ${Math.max(...numbers)} in ${stepText[stepMilliseconds] ?? 'one'}\n`;
  const errors = bars.map((each) => each.errors);
  const calls = bars.map((each) => each.calls);
  return `${line('calls', calls)}${Math.max(...errors) > 0 ? line('errors', errors) : ''}`;
}

const stepText: Record<number, string> = {
  [steps.minutes]: 'five minutes',
  [steps.hour]: 'an hour',
  [steps.day]: 'a day (UTC)',
};

type Ranked = Overview['rows'][Breakdown][number];

function breakdownText({ rows, totals }: Overview, breakdown: Breakdown): string {
  const time =
    (pick: keyof Durations) =>
    ({ durations }: Ranked) =>
      durations ? duration(durations[pick]) : '';
  const columns: Column<Ranked>[] = [
    { title: breakdown.toUpperCase(), text: ({ name }) => (name === OTHERS ? '(others)' : brief(name, 40)) },
    { title: 'CALLS', text: ({ calls }) => String(calls), right: true },
    { title: 'ERRORS', text: ({ errors }) => String(errors), right: true },
    { title: 'P50', text: time('p50'), right: true },
    { title: 'P95', text: time('p95'), right: true },
    { title: 'P99', text: time('p99'), right: true },
    { title: 'SHARE', text: ({ calls }) => bar(calls, totals.calls) },
  ];
  return new TableText(columns).lines(rows[breakdown]);
}
