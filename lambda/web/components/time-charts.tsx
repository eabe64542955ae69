import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { type Bar, breakdowns, ERRORS, OTHERS, type Overview } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { barLabel, compactCount, count, duration, isDaily, timeSpan } from '../format.ts';
import { navigate, type Route, type RouteTarget } from '../page-router.ts';
import { colourOf } from '../palette.ts';
import { ChartCanvas, type Series } from './chart-canvas.tsx';
import { Link } from './link.tsx';
import { filteredBy, groupName } from './ranking.tsx';

const text = dashboardText.overview;

type Props = { route: Route; numbers: Overview };

/** The calls in the period of a bar. */
const callsOf = (route: Route, { at }: Bar, { stepMilliseconds }: Overview): RouteTarget => ({
  ...route,
  view: 'calls',
  from: at,
  to: at + stepMilliseconds,
});

export function CallsChart({ route, numbers }: Props) {
  const { bars, groups, totals, from, to } = numbers;
  const { by } = route;
  const series = groups[by].map((group, index) => ({
    name: groupName(by, group),
    colour: colourOf(by, group, index),
    values: bars.map((bar) => bar[by][index] ?? 0),
  }));
  return (
    <TimeChart
      id="calls-over-time"
      heading={text.callsOverTime}
      kind="bar"
      numbers={numbers}
      series={series}
      summary={text.callsChart(count(totals.calls), count(totals.errors), timeSpan(from, to))}
      format={compactCount}
      select={(bar, seriesIndex) => {
        const group = seriesIndex === undefined ? OTHERS : (groups[by][seriesIndex] ?? OTHERS);
        navigate(filteredBy(callsOf(route, bars[bar]!, numbers), by, group));
      }}
      controls={
        <nav class="segmented" aria-label={text.groupBy}>
          {breakdowns.map((each) => (
            <Link
              key={each}
              replace
              to={{ ...route, by: each }}
              {...(each === by && { 'aria-current': 'true' as const })}
            >
              {text.breakdowns[each]}
            </Link>
          ))}
        </nav>
      }
      columns={[
        { name: dashboardText.columns.calls, cell: (bar) => linkedCount(bar.calls, callsOf(route, bar, numbers)) },
        {
          name: dashboardText.columns.errors,
          cell: (bar) => linkedCount(bar.errors, { ...callsOf(route, bar, numbers), outcome: ERRORS }),
        },
        ...groups[by].map((group, index) => ({
          name: groupName(by, group),
          cell: (bar: Bar) => linkedCount(bar[by][index] ?? 0, filteredBy(callsOf(route, bar, numbers), by, group)),
        })),
      ]}
    />
  );
}

/** A count, with a link to its rows unless it is zero. */
const linkedCount = (number: number, to: RouteTarget) =>
  number ? <Link to={to}>{count(number)}</Link> : count(number);

const percentiles = [
  ['p50', 'series-1', []],
  ['p95', 'series-2', [6, 3]],
  ['p99', 'series-4', [2, 2]],
] as const;

export function DurationsChart({ route, numbers }: Props) {
  const { bars, totals } = numbers;
  const { durations } = totals;
  return (
    <TimeChart
      id="durations-over-time"
      heading={text.durationsOverTime}
      kind="line"
      numbers={numbers}
      series={percentiles.map(([name, colour, dash]) => ({
        name,
        colour,
        dash: [...dash],
        values: bars.map((bar) => bar.durations?.[name] ?? null),
      }))}
      summary={text.durationsChart(duration(durations?.p50), duration(durations?.p95), duration(durations?.p99))}
      format={duration}
      select={(bar) => navigate(callsOf(route, bars[bar]!, numbers))}
      columns={percentiles.map(([name]) => ({
        name,
        cell: (bar) =>
          bar.durations ? (
            <Link to={callsOf(route, bar, numbers)}>{duration(bar.durations[name])}</Link>
          ) : (
            dashboardText.none
          ),
      }))}
    />
  );
}

export function UsersChart({ route, numbers }: Props) {
  const { bars, totals } = numbers;
  return (
    <TimeChart
      id="users-over-time"
      heading={text.usersOverTime}
      kind="line"
      numbers={numbers}
      series={[
        { name: dashboardText.columns.users, colour: 'series-1', values: bars.map(({ users }) => users ?? 0) },
        {
          name: dashboardText.columns.sessions,
          colour: 'series-2',
          dash: [6, 3],
          values: bars.map(({ sessions }) => sessions ?? 0),
        },
      ]}
      summary={text.usersChart(count(totals.users ?? 0), count(totals.sessions ?? 0))}
      format={compactCount}
      select={(bar) => navigate(callsOf(route, bars[bar]!, numbers))}
      columns={[
        { name: dashboardText.columns.users, cell: (bar) => linkedCount(bar.users ?? 0, callsOf(route, bar, numbers)) },
        {
          name: dashboardText.columns.sessions,
          cell: (bar) => linkedCount(bar.sessions ?? 0, callsOf(route, bar, numbers)),
        },
      ]}
    />
  );
}

type TimeChartProps = {
  id: string;
  heading: string;
  kind: 'bar' | 'line';
  numbers: Overview;
  series: Series[];
  summary: string;
  format(value: number): string;
  select(bar: number, series: number | undefined): void;
  controls?: ComponentChildren;
  columns: BarColumn[];
};

type BarColumn = { name: string; cell(bar: Bar): ComponentChildren };

/** A chart, and its data as a table for keyboard and screen reader users. */
function TimeChart({ id, heading, numbers, controls, columns, ...chart }: TimeChartProps) {
  const [isOpen, setOpen] = useState(false);
  const { bars, stepMilliseconds, from, to } = numbers;
  const labels = bars.map(({ at }) => barLabel(at, stepMilliseconds, to - from));
  return (
    <section class="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>{heading}</h2>
        {controls}
      </header>
      <ChartCanvas {...chart} labels={labels} />
      <ul class="legend" aria-hidden="true">
        {chart.series.map(({ name, colour, dash }) => (
          <li key={name}>
            <span class={`swatch ${colour} ${dash?.length ? 'dashed' : ''}`} /> {name}
          </li>
        ))}
      </ul>
      {isDaily(stepMilliseconds) && <p class="note">{text.utcDays}</p>}
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>
          {text.asTable}
          <span class="visually-hidden">: {heading}</span>
        </summary>
        {isOpen && <BarTable heading={heading} bars={bars} labels={labels} columns={columns} />}
      </details>
    </section>
  );
}

type BarTableProps = { heading: string; bars: Bar[]; labels: string[]; columns: BarColumn[] };

/** The data of a chart, one row per bar. */
const BarTable = ({ heading, bars, labels, columns }: BarTableProps) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be focusable by keyboard
  <section class="scroller tall" tabIndex={0} aria-label={`${heading}, ${text.asTable}`}>
    <table>
      <caption class="visually-hidden">{heading}</caption>
      <thead>
        <tr>
          <th scope="col">{dashboardText.columns.time}</th>
          {columns.map(({ name }) => (
            <th key={name} scope="col" class="number">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {bars.map((bar, index) => (
          <tr key={bar.at}>
            <th scope="row" class="nowrap">
              <time dateTime={new Date(bar.at).toISOString()}>{labels[index]}</time>
            </th>
            {columns.map(({ name, cell }) => (
              <td key={name} class="number">
                {cell(bar)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  </section>
);
