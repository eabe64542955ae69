import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { type Bar, breakdowns, ERRORS, OTHERS, type Overview } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { barLabel, briefCount, count, duration, isDays, span } from '../format.ts';
import { go, type Route, type RouteTarget } from '../page-router.ts';
import { colourOf } from '../palette.ts';
import { Canvas, type Series } from './chart-canvas.tsx';
import { Link } from './link.tsx';
import { groupName, narrowed } from './ranking.tsx';

const words = dashboardText.overview;

type Props = { route: Route; numbers: Overview };

/** The calls of one bar. */
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
      heading={words.callsOverTime}
      kind="bar"
      numbers={numbers}
      series={series}
      summary={words.callsChart(count(totals.calls), count(totals.errors), span(from, to))}
      format={briefCount}
      pick={(bar, hit) => {
        const group = hit === undefined ? OTHERS : (groups[by][hit] ?? OTHERS);
        go(narrowed(callsOf(route, bars[bar]!, numbers), by, group));
      }}
      controls={
        <nav class="switch" aria-label={words.by}>
          {breakdowns.map((each) => (
            <Link
              key={each}
              replace
              to={{ ...route, by: each }}
              {...(each === by && { 'aria-current': 'true' as const })}
            >
              {words.breakdowns[each]}
            </Link>
          ))}
        </nav>
      }
      columns={[
        { name: dashboardText.columns.calls, cell: (bar) => linked(bar.calls, callsOf(route, bar, numbers)) },
        {
          name: dashboardText.columns.errors,
          cell: (bar) => linked(bar.errors, { ...callsOf(route, bar, numbers), outcome: ERRORS }),
        },
        ...groups[by].map((group, index) => ({
          name: groupName(by, group),
          cell: (bar: Bar) => linked(bar[by][index] ?? 0, narrowed(callsOf(route, bar, numbers), by, group)),
        })),
      ]}
    />
  );
}

const linked = (number: number, to: RouteTarget) => (number ? <Link to={to}>{count(number)}</Link> : count(number));

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
      heading={words.durationsOverTime}
      kind="line"
      numbers={numbers}
      series={percentiles.map(([name, colour, dash]) => ({
        name,
        colour,
        dash: [...dash],
        values: bars.map((bar) => bar.durations?.[name] ?? null),
      }))}
      summary={words.durationsChart(duration(durations?.p50), duration(durations?.p95), duration(durations?.p99))}
      format={duration}
      pick={(bar) => go(callsOf(route, bars[bar]!, numbers))}
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

export function PeopleChart({ route, numbers }: Props) {
  const { bars, totals } = numbers;
  return (
    <TimeChart
      id="people-over-time"
      heading={words.peopleOverTime}
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
      summary={words.peopleChart(count(totals.users ?? 0), count(totals.sessions ?? 0))}
      format={briefCount}
      pick={(bar) => go(callsOf(route, bars[bar]!, numbers))}
      columns={[
        { name: dashboardText.columns.users, cell: (bar) => linked(bar.users ?? 0, callsOf(route, bar, numbers)) },
        {
          name: dashboardText.columns.sessions,
          cell: (bar) => linked(bar.sessions ?? 0, callsOf(route, bar, numbers)),
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
  pick(bar: number, series: number | undefined): void;
  controls?: ComponentChildren;
  columns: { name: string; cell(bar: Bar): ComponentChildren }[];
};

/** A picture, and the same as a table: for the keyboard, for screen readers, and for who wants the number. */
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
      <Canvas {...chart} labels={labels} />
      <ul class="legend" aria-hidden="true">
        {chart.series.map(({ name, colour, dash }) => (
          <li key={name}>
            <span class={`swatch ${colour} ${dash?.length ? 'dashed' : ''}`} /> {name}
          </li>
        ))}
      </ul>
      {isDays(stepMilliseconds) && <p class="note">{words.utcDays}</p>}
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>
          {words.asTable}
          <span class="unseen">: {heading}</span>
        </summary>
        {isOpen && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must get at it
          <section class="scroller tall" tabIndex={0} aria-label={`${heading}, ${words.asTable}`}>
            <table>
              <caption class="unseen">{heading}</caption>
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
        )}
      </details>
    </section>
  );
}
