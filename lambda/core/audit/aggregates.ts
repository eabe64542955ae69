import { hashNames, type Sample, smallest } from './samples.ts';
import { type CallOutcome, clientOf, endOf, isError, methodIn, OTHERS, type ToolCall, toolOf } from './tool-call.ts';

/**
 * Aggregates of the calls of a period: counts by client, its name in `clientInfo`, tool and outcome, durations, users and
 * sessions. They can be merged, so that an hour is made of its five-minute periods and a month of its days, and no call is
 * read twice.
 *
 * They fit into one item however many calls there were: rare rows are counted together, durations are a histogram, and
 * users and sessions are samples, complete while they are few.
 */
export type Aggregates = { rows: AggregateRow[]; users: Sample<UserCalls>; sessions: Sample<CallSpan> };

/** Calls of a user and their errors; `null` if a part was aggregated by a version that did not count them. */
export type UserCalls = [calls: number, errors: number] | null;

/** Calls of one client, tool and outcome. */
export type AggregateRow = {
  /** As `clientOf` names it, or `OTHERS`. */
  client: string;
  /** The name that the client states in `clientInfo`, empty for none. Absent if it is `client`. */
  clientInfo?: string;
  /** As `toolOf` names it, or `OTHERS`. */
  tool: string;
  outcome: CallOutcome;
  calls: number;
  durations: Histogram;
  /** Absent for calls that were aggregated by a version that did not measure them. */
  answers?: AnswerSizes | undefined;
};

/** The number of measured responses, their bytes, and those of the largest. */
export type AnswerSizes = [answers: number, total: number, largest: number];

/** Number of calls by class of duration. */
export type Histogram = Record<number, number>;

/** First start and last end of a session's calls, in epoch milliseconds. */
export type CallSpan = [first: number, last: number];

/** Further rows are counted together, by outcome. Clients choose the names of tools, so their number is not bounded. */
const MOST_ROWS = 300;
/** Prompts and resources of the rows. */
const MOST_TARGETS = 60;
/** Durations of one class differ by a fifth, so a percentile is within a tenth. */
const CLASS_RATIO = 1.2;

export const emptyAggregates: Aggregates = { rows: [], users: {}, sessions: {} };

/** Aggregates calls one by one. */
export class AggregateBuilder {
  readonly #rows = new Map<string, AggregateRow>();
  readonly #users = new Map<string, UserCalls>();
  readonly #sessions = new Map<string, CallSpan>();

  add(call: ToolCall): void {
    const { outcome, milliseconds, bytesOut, user, session, clientName: clientInfo = '' } = call;
    const client = clientOf(call);
    addRow(this.#rows, {
      client,
      ...(clientInfo !== client && { clientInfo }),
      tool: toolOf(call),
      outcome,
      calls: 1,
      // When the process of a call died is not known.
      durations: outcome === 'interrupted' ? {} : { [classOf(milliseconds)]: 1 },
      answers: [1, bytesOut, bytesOut],
    });
    this.#users.set(user, addUserCalls(this.#users.get(user), [1, Number(isError(outcome))]));
    this.#sessions.set(session, joinSpans(this.#sessions.get(session), [call.at, endOf(call)]));
  }

  async aggregates(): Promise<Aggregates> {
    return bounded({
      rows: [...this.#rows.values()],
      users: await hashNames([...this.#users]),
      sessions: await hashNames([...this.#sessions]),
    });
  }
}

export function mergeAggregates(all: readonly Aggregates[]): Aggregates {
  const rows = new Map<string, AggregateRow>();
  const users: Sample<UserCalls> = {};
  const sessions: Sample<CallSpan> = {};
  for (const aggregates of all) {
    for (const row of aggregates.rows) addRow(rows, row);
    for (const [hash, calls] of Object.entries(aggregates.users)) users[hash] = addUserCalls(users[hash], calls);
    for (const [hash, span] of Object.entries(aggregates.sessions)) {
      sessions[hash] = joinSpans(sessions[hash], span);
    }
  }
  return bounded({ rows: [...rows.values()], users, sessions });
}

/** In milliseconds; 0 without calls. */
export function percentile(durations: Histogram, percent: number): number {
  const classes = Object.entries(durations).map(([index, calls]) => [Number(index), calls] as const);
  const all = classes.reduce((sum, [, calls]) => sum + calls, 0);
  let seen = 0;
  for (const [index, calls] of classes.toSorted(([a], [b]) => a - b)) {
    seen += calls;
    if (seen >= (all * percent) / 100) return middleOf(index);
  }
  return 0;
}

/** The middle of a class, in milliseconds. */
export const middleOf = (index: number): number => (index === 0 ? 0 : (2 * CLASS_RATIO ** index) / (1 + CLASS_RATIO));

/** Class `i` is from `CLASS_RATIO ** (i - 1)` to `CLASS_RATIO ** i`, and class 0 less than a millisecond. */
const classOf = (milliseconds: number) =>
  milliseconds < 1 ? 0 : Math.max(1, Math.ceil(Math.log(milliseconds) / Math.log(CLASS_RATIO)));

export function addDurations(to: Histogram, more: Histogram): void {
  for (const [index, calls] of Object.entries(more)) to[Number(index)] = (to[Number(index)] ?? 0) + calls;
}

export const joinAnswers = (a: AnswerSizes | undefined, b: AnswerSizes | undefined): AnswerSizes | undefined =>
  a && b ? [a[0] + b[0], a[1] + b[1], Math.max(a[2], b[2])] : (a ?? b);

const keyOfRow = ({ client, clientInfo, tool, outcome }: AggregateRow) =>
  JSON.stringify([client, tool, outcome, clientInfo]);

function addRow(rows: Map<string, AggregateRow>, row: AggregateRow): void {
  const found = rows.get(keyOfRow(row));
  if (found === undefined) {
    rows.set(keyOfRow(row), { ...row, durations: { ...row.durations } });
    return;
  }
  found.calls += row.calls;
  addDurations(found.durations, row.durations);
  found.answers = joinAnswers(found.answers, row.answers);
}

function bounded({ rows: all, users, sessions }: Aggregates): Aggregates {
  const rows = withFewTargets(all);
  if (rows.length <= MOST_ROWS) return { rows, users: smallest(users), sessions: smallest(sessions) };
  // Equal counts are sorted by name, so that a repeated aggregation of the same calls has the same result.
  const sorted = rows.toSorted((a, b) => b.calls - a.calls || (nameOf(a) < nameOf(b) ? -1 : 1));
  const most = new Map(sorted.slice(0, MOST_ROWS).map((row) => [keyOfRow(row), row]));
  for (const { outcome, calls, durations, answers } of sorted.slice(MOST_ROWS)) {
    addRow(most, { client: OTHERS, tool: OTHERS, outcome, calls, durations, answers });
  }
  return { rows: [...most.values()], users: smallest(users), sessions: smallest(sessions) };
}

/** Rows of less frequent prompts and resources are counted together, by method: a server may have any number of them. */
function withFewTargets(rows: AggregateRow[]): AggregateRow[] {
  const targets = Map.groupBy(
    rows.filter(({ tool }) => methodIn(tool)),
    ({ tool }) => tool,
  );
  if (targets.size <= MOST_TARGETS) return rows;
  const callsOf = (tool: string) => targets.get(tool)!.reduce((sum, { calls }) => sum + calls, 0);
  const sorted = [...targets.keys()].toSorted((a, b) => callsOf(b) - callsOf(a) || (a < b ? -1 : 1));
  const kept = new Set(sorted.slice(0, MOST_TARGETS));
  const folded = new Map<string, AggregateRow>();
  for (const row of rows) {
    const method = methodIn(row.tool);
    addRow(folded, method === undefined || kept.has(row.tool) ? row : { ...row, tool: method });
  }
  return [...folded.values()];
}

const nameOf = ({ client, clientInfo = client, tool, outcome }: AggregateRow) =>
  `${client}\n${tool}\n${outcome}\n${clientInfo}`;

const addUserCalls = (to: UserCalls | undefined, more: UserCalls): UserCalls =>
  to === undefined ? more : to && more && [to[0] + more[0], to[1] + more[1]];

const joinSpans = (span: CallSpan | undefined, [first, last]: CallSpan): CallSpan =>
  span ? [Math.min(span[0], first), Math.max(span[1], last)] : [first, last];

/** Durations of the periods that have aggregates, in milliseconds. Days are in UTC. */
export const steps = { minutes: 300_000, hour: 3_600_000, day: 86_400_000 } as const;
export type Step = keyof typeof steps;

export const startOf = (step: Step, at: number): number => at - (at % steps[step]);

/** Retention of daily aggregates: longer than that of calls, since they identify no user. */
export const DAYS_KEPT = 400;

export type Period<T> = {
  /** Start in epoch milliseconds, a multiple of the step. */
  at: number;
  aggregates: T;
};
export type AggregatePeriod = Period<Aggregates>;
