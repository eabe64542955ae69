import { type CallSearch, fits, rowFits } from '../admin/call-search.ts';
import {
  AggregateBuilder,
  type AggregatePeriod,
  type AggregateReader,
  type AggregateRow,
  type Aggregates,
  addDurations,
  countedUntil,
  DAYS_KEPT,
  endOf,
  type Histogram,
  isComplete,
  mergeAggregates,
  percentile,
  type Step,
  sizeOf,
  startOf,
  steps,
} from '../audit/aggregates.ts';
import { type AuditLogReader, BUCKET_MILLISECONDS, LOOKUP_IN_CALLS, type ToolCall } from '../audit/tool-call.ts';
import {
  type Bar,
  type Breakdown,
  breakdowns,
  type Durations,
  type Filter,
  OTHERS,
  type Overview,
} from './dashboard-api.ts';

export type OverviewDependencies = {
  calls: Pick<AuditLogReader, 'callsEndedIn'>;
  search: Pick<CallSearch, 'ofUser'>;
  aggregates: AggregateReader;
  sessionTtlSeconds: number;
  /** Epoch milliseconds. */
  now: () => number;
};

/** Charts have at most about so many bars. */
const MOST_BARS = 200;
/** Groups that a chart tells apart; the rest is counted together. */
const MOST_GROUPS = 7;
const MOST_ROWS = 50;
/** Calls that are counted one by one, where no aggregates are kept: those of a user, and of the last minutes. */
const MOST_OF_USER = 5_000;
/** With what it takes to look up their sessions (`LOOKUP_IN_CALLS`). */
const MOST_UNCOUNTED = 40_000;

/** What the charts show. */
export async function overview(parts: OverviewDependencies, filter: Filter): Promise<Overview> {
  const now = parts.now();
  // Before that there is nothing, and nobody is to have a bar drawn for each day since 1970.
  const since = Math.max(filter.from, now - DAYS_KEPT * steps.day);
  const step = stepOf({ ...filter, from: since });
  const from = startOf(step, since);
  const to = Math.min(startOf(step, filter.to - 1) + steps[step], startOf(step, now) + steps[step]);
  const wanted = { ...filter, from, to };
  const { periods, completeSince } =
    filter.user === undefined ? await ofEveryone(parts, wanted, step) : await ofUser(parts, wanted, step);

  const whole = mergeAggregates(periods.map(({ aggregates }) => aggregates));
  const whoIsKnown = filter.client === undefined && filter.tool === undefined && filter.outcome === undefined;
  const rowsOf = ({ rows }: Aggregates) => rows.filter((row) => rowFits(row, filter));
  const groups = Object.fromEntries(
    breakdowns.map((breakdown) => [breakdown, groupsOf(rowsOf(whole), breakdown)]),
  ) as Overview['groups'];
  const byTime = new Map(periods.map(({ at, aggregates }) => [at, aggregates]));
  const bars: Bar[] = [];
  for (let at = from; at < to; at += steps[step]) {
    const aggregates = byTime.get(at) ?? { rows: [], users: {}, sessions: {} };
    const rows = rowsOf(aggregates);
    const counts = breakdowns.map((breakdown) => [breakdown, countsOf(rows, breakdown, groups[breakdown])]);
    bars.push({ at, ...totalsOf(rows, whoIsKnown ? aggregates : undefined), ...Object.fromEntries(counts) });
  }
  const rows = breakdowns.map((breakdown) => [breakdown, ranked(rowsOf(whole), breakdown).slice(0, MOST_ROWS)]);
  return {
    from,
    to,
    stepMilliseconds: steps[step],
    groups,
    bars,
    totals: totalsOf(rowsOf(whole), whoIsKnown ? whole : undefined),
    ...(whoIsKnown && { sessions: sessionsOf(whole, now - parts.sessionTtlSeconds * 1000) }),
    rows: Object.fromEntries(rows) as Overview['rows'],
    ...(completeSince !== undefined && { completeSince }),
  };
}

function stepOf({ from, to }: Filter): Step {
  return (['minutes', 'hour', 'day'] as const).find((step) => (to - from) / steps[step] <= MOST_BARS) ?? 'day';
}

type Counted = { periods: AggregatePeriod[]; completeSince?: number };

/** From the aggregates as far as they go, and the calls themselves since then. */
async function ofEveryone(
  { calls, aggregates, now }: OverviewDependencies,
  { from, to }: Filter,
  step: Step,
): Promise<Counted> {
  const counted = await countedUntil(aggregates, now());
  const smaller = { minutes: [], hour: ['minutes'], day: ['hour', 'minutes'] } as const satisfies Record<Step, Step[]>;
  // A step that is not over yet is put together from smaller ones, and those from smaller ones still.
  const loads: Promise<AggregatePeriod[]>[] = [];
  let since = from;
  for (const each of [step, ...smaller[step]]) {
    const until = Math.min(to, startOf(each, counted));
    if (since < until) loads.push(aggregates.load(each, since, until));
    since = Math.max(since, until);
  }
  const periods = (await Promise.all(loads)).flat();

  const bars = new Bars(step);
  let lookedAt = 0;
  let completeSince: number | undefined;
  const last = Math.floor(Math.min(to - 1, now()) / BUCKET_MILLISECONDS);
  const first = Math.max(from, counted) / BUCKET_MILLISECONDS;
  for (let bucket = last; bucket >= first && completeSince === undefined; bucket--) {
    const sessions = new Set<string>();
    for await (const call of calls.callsEndedIn(bucket)) {
      bars.add(call);
      sessions.add(call.session);
      lookedAt++;
    }
    lookedAt += sessions.size * LOOKUP_IN_CALLS;
    if (lookedAt > MOST_UNCOUNTED && bucket > first) completeSince = bucket * BUCKET_MILLISECONDS;
  }
  return { periods: inBars([...periods, ...(await bars.periods())], step), ...(completeSince && { completeSince }) };
}

async function ofUser({ search }: OverviewDependencies, filter: Filter, step: Step): Promise<Counted> {
  const bars = new Bars(step);
  let lookedAt = 0;
  for await (const call of search.ofUser({ ...filter, user: filter.user! })) {
    if (fits(call, filter)) bars.add(call);
    if (++lookedAt === MOST_OF_USER) return { periods: await bars.periods(), completeSince: call.at };
  }
  return { periods: await bars.periods() };
}

class Bars {
  readonly #step: Step;
  readonly #bars = new Map<number, AggregateBuilder>();

  constructor(step: Step) {
    this.#step = step;
  }

  add(call: ToolCall): void {
    const at = startOf(this.#step, endOf(call));
    const counting = this.#bars.get(at) ?? new AggregateBuilder();
    this.#bars.set(at, counting);
    counting.add(call);
  }

  periods(): Promise<AggregatePeriod[]> {
    return Promise.all(
      [...this.#bars].map(async ([at, counting]) => ({ at, aggregates: await counting.aggregates() })),
    );
  }
}

function inBars(periods: AggregatePeriod[], step: Step): AggregatePeriod[] {
  const bars = Map.groupBy(periods, ({ at }) => startOf(step, at));
  return [...bars].map(([at, parts]) => ({
    at,
    aggregates: mergeAggregates(parts.map(({ aggregates }) => aggregates)),
  }));
}

function totalsOf(rows: AggregateRow[], who: Aggregates | undefined): Overview['totals'] {
  const durations = durationsOf(rows);
  return {
    calls: countOf(rows),
    errors: countOf(rows.filter(({ outcome }) => outcome !== 'success')),
    ...(durations && { durations }),
    ...(who && { users: sizeOf(who.users), sessions: sizeOf(who.sessions) }),
  };
}

const countOf = (rows: AggregateRow[]) => rows.reduce((sum, { calls }) => sum + calls, 0);

function durationsOf(rows: AggregateRow[]): Durations | undefined {
  if (rows.length === 0) return undefined;
  const all: Histogram = {};
  for (const { durations } of rows) addDurations(all, durations);
  const [p50, p95, p99] = [50, 95, 99].map((percent) => Math.round(percentile(all, percent) * 10) / 10);
  return { p50: p50!, p95: p95!, p99: p99! };
}

/** The groups of a breakdown, those with the most calls first; at the end what is counted together. */
function ranked(rows: AggregateRow[], breakdown: Breakdown) {
  const groups = [...Map.groupBy(rows, (row) => row[breakdown])].map(([name, members]) => ({
    name: name as string,
    calls: countOf(members),
    errors: countOf(members.filter(({ outcome }) => outcome !== 'success')),
    durations: durationsOf(members),
  }));
  return groups.toSorted(
    (a, b) => Number(a.name === OTHERS) - Number(b.name === OTHERS) || b.calls - a.calls || (a.name < b.name ? -1 : 1),
  );
}

function groupsOf(rows: AggregateRow[], breakdown: Breakdown): string[] {
  const names = ranked(rows, breakdown).map(({ name }) => name);
  return names.length <= MOST_GROUPS
    ? names
    : [...names.filter((name) => name !== OTHERS).slice(0, MOST_GROUPS - 1), OTHERS];
}

function countsOf(rows: AggregateRow[], breakdown: Breakdown, groups: string[]): number[] {
  const counts = groups.map(() => 0);
  for (const row of rows) {
    const index = groups.indexOf(row[breakdown]);
    counts[index === -1 ? groups.length - 1 : index]! += row.calls;
  }
  return counts;
}

function sessionsOf({ sessions }: Aggregates, activeSince: number): NonNullable<Overview['sessions']> {
  const sample = Object.values(sessions);
  const total = sizeOf(sessions);
  const activeInSample = sample.filter(([, last]) => last > activeSince).length;
  const active = sample.length === 0 ? 0 : Math.round((total * activeInSample) / sample.length);
  const lengths = sample.reduce((sum, [first, last]) => sum + last - first, 0);
  return {
    total,
    active,
    expired: total - active,
    averageMilliseconds: sample.length === 0 ? 0 : Math.round(lengths / sample.length),
    isEstimate: !isComplete(sessions),
  };
}
