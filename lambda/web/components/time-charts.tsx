import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import {
  type Bar,
  BYTES_PER_TOKEN,
  breakdowns,
  ERRORS,
  OTHERS,
  type Overview,
  versionBreakdowns,
} from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { barLabel, byteSize, compactCount, count, duration, isDaily, timeSpan } from '../format.ts';
import { navigate, type Route, type RouteTarget } from '../page-router.ts';
import { colourOf } from '../palette.ts';
import { ChartCanvas, type Series } from './chart-canvas.tsx';
import { Link } from './link.tsx';
import { type NumberColumn, NumberTable } from './number-table.tsx';
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
  // The groups of versions are not known with each filter.
  const by = groups[route.by].length > 0 ? route.by : 'outcome';
  const choices = [...breakdowns, ...versionBreakdowns].filter((each) => groups[each].length > 0);
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
          {choices.map((each) => (
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
  const [isDistribution, setDistribution] = useState(false);
  const { label, time, distribution } = text.durationViews;
  const controls = (
    <fieldset class="segmented" aria-label={label}>
      {[false, true].map((each) => (
        <button
          key={String(each)}
          type="button"
          aria-pressed={each === isDistribution}
          onClick={() => setDistribution(each)}
        >
          {each ? distribution : time}
        </button>
      ))}
    </fieldset>
  );
  if (isDistribution) return <DurationHistogram numbers={numbers} controls={controls} />;
  return (
    <TimeChart
      id="durations-over-time"
      heading={text.durationsOverTime}
      kind="line"
      numbers={numbers}
      controls={controls}
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

function DurationHistogram({
  numbers: { histogram, totals },
  controls,
}: {
  numbers: Overview;
  controls: ComponentChildren;
}) {
  const labels = histogram.map(({ belowMilliseconds }) =>
    belowMilliseconds === undefined ? text.longer : text.below(duration(belowMilliseconds)),
  );
  const { calls } = dashboardText.columns;
  return (
    <ChartPanel
      id="durations-over-time"
      heading={text.distribution}
      kind="bar"
      controls={controls}
      series={[{ name: calls, colour: 'series-1', values: histogram.map((each) => each.calls) }]}
      summary={text.distributionChart(count(totals.calls))}
      format={compactCount}
      items={histogram}
      labels={labels}
      keyOf={({ belowMilliseconds = 0 }) => belowMilliseconds}
      columns={[
        { name: dashboardText.columns.duration, cell: (_, index) => labels[index] },
        { name: calls, cell: (each) => count(each.calls) },
      ]}
    />
  );
}

/** An estimate, to one or two digits. */
export const tokensIn = (bytes: number): string =>
  text.tokens(compactCount(Number((bytes / BYTES_PER_TOKEN).toPrecision(2))));

const answerSizes = [
  ['average', 'series-1', []],
  ['largest', 'series-4', [6, 3]],
] as const;

export function AnswersChart({ route, numbers }: Props) {
  const { bars, totals } = numbers;
  if (!totals.answers) return null;
  return (
    <TimeChart
      id="answers-over-time"
      heading={text.answersOverTime}
      kind="line"
      numbers={numbers}
      series={answerSizes.map(([name, colour, dash]) => ({
        name: text.answerSizes[name],
        colour,
        dash: [...dash],
        values: bars.map((bar) => bar.answers?.[name] ?? null),
      }))}
      summary={text.answersChart(byteSize(totals.answers.average), byteSize(totals.answers.largest))}
      format={byteSize}
      describe={(bytes) => `${byteSize(bytes)}, ${tokensIn(bytes)}`}
      select={(bar) => navigate(callsOf(route, bars[bar]!, numbers))}
      columns={answerSizes.map(([name]) => ({
        name: text.answerSizes[name],
        cell: ({ answers }) =>
          answers ? `${byteSize(answers[name])}, ${tokensIn(answers[name])}` : dashboardText.none,
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

type ChartProps = {
  id: string;
  heading: string;
  kind: 'bar' | 'line';
  series: Series[];
  summary: string;
  format(value: number): string;
  describe?(value: number): string;
  select?(bar: number, series: number | undefined): void;
  controls?: ComponentChildren;
};

type TimeChartProps = ChartProps & { numbers: Overview; columns: NumberColumn<Bar>[] };

function TimeChart({ numbers, columns, ...chart }: TimeChartProps) {
  const { bars, stepMilliseconds, from, to } = numbers;
  const labels = bars.map(({ at }) => barLabel(at, stepMilliseconds, to - from));
  const timeColumn: NumberColumn<Bar> = {
    name: dashboardText.columns.time,
    cell: ({ at }, index) => <time dateTime={new Date(at).toISOString()}>{labels[index]}</time>,
  };
  return (
    <ChartPanel
      {...chart}
      labels={labels}
      items={bars}
      keyOf={({ at }) => at}
      columns={[timeColumn, ...columns]}
      note={isDaily(stepMilliseconds) ? text.utcDays : undefined}
    />
  );
}

type ChartPanelProps<T> = ChartProps & {
  labels: string[];
  /** The rows of the table, one for each label. */
  items: T[];
  keyOf(item: T): number;
  columns: NumberColumn<T>[];
  note?: string | undefined;
};

/** A chart, and its data as a table for keyboard and screen reader users. */
function ChartPanel<T>({ id, heading, controls, items, keyOf, columns, note, ...chart }: ChartPanelProps<T>) {
  const [isOpen, setOpen] = useState(false);
  return (
    <section class="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>{heading}</h2>
        {controls}
      </header>
      <ChartCanvas {...chart} />
      {chart.series.length > 1 && (
        <ul class="legend" aria-hidden="true">
          {chart.series.map(({ name, colour, dash }) => (
            <li key={name}>
              <span class={`swatch ${colour} ${dash?.length ? 'dashed' : ''}`} /> {name}
            </li>
          ))}
        </ul>
      )}
      {note && <p class="note">{note}</p>}
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>
          {text.asTable}
          <span class="visually-hidden">: {heading}</span>
        </summary>
        {isOpen && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be focusable by keyboard
          <section class="scroller tall" tabIndex={0} aria-label={`${heading}, ${text.asTable}`}>
            <NumberTable caption={heading} items={items} keyOf={keyOf} columns={columns} />
          </section>
        )}
      </details>
    </section>
  );
}
