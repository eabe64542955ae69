import { clientOf, OTHERS } from '../dashboard/dashboard-api.ts';
import { bytes } from '../support/crypto.ts';
import type { CallOutcome, ToolCall } from './tool-call.ts';

/**
 * What calls of some time amount to: how many there were of each client, tool and outcome, how long they took, and who
 * was there. Statistics of two times can be put together, so that those of an hour come from its five minutes, and those
 * of a month from its days, and no call is read twice.
 *
 * It fits into one item however many calls there were: what is rare is counted together, durations are counted by
 * size, and of users and sessions a sample is kept that is complete as long as they are few.
 */
export type Aggregates = { rows: AggregateRow[]; users: Sample<null>; sessions: Sample<CallSpan> };

/** Calls that have client, tool and outcome in common. */
export type AggregateRow = {
  /** As `clientOf` names it, or `OTHERS`. */
  client: string;
  /** The tool or, of other requests than `tools/call`, the method; or `OTHERS`. */
  tool: string;
  outcome: CallOutcome;
  calls: number;
  durations: Histogram;
};

/** How many calls were of which size: number of calls by class of duration. */
export type Histogram = Record<number, number>;

/**
 * The ones with the smallest hashes, each with what is known of it: a random sample that does not depend on how often
 * somebody was seen, and of which that of a longer time can be made ("bottom-k sketch").
 */
export type Sample<T> = Record<string, T>;

/** From when to when a session had calls, in epoch milliseconds. */
export type CallSpan = [first: number, last: number];

/** Rows beyond these are counted together, by outcome. Tools are what clients ask for, so anybody can make more. */
const MOST_ROWS = 300;
const SAMPLE = 256;
/** Durations in one class differ by a fifth, so what is said of them is within a tenth. */
const CLASS_RATIO = 1.2;
const HASH_BYTES = 6;

export const emptyAggregates: Aggregates = { rows: [], users: {}, sessions: {} };

export const endOf = ({ at, milliseconds }: ToolCall): number => at + milliseconds;

/** What charts and filters name the call by, where it is about tools. */
export const toolOf = ({ tool, method }: Pick<ToolCall, 'tool' | 'method'>): string => tool ?? method;

/** Counts calls one after another. */
export class AggregateBuilder {
  readonly #rows = new Map<string, AggregateRow>();
  readonly #users = new Set<string>();
  readonly #sessions = new Map<string, CallSpan>();

  add(call: ToolCall): void {
    const { outcome, milliseconds, user, session } = call;
    addRow(this.#rows, {
      client: clientOf(call),
      tool: toolOf(call),
      outcome,
      calls: 1,
      durations: { [classOf(milliseconds)]: 1 },
    });
    this.#users.add(user);
    const known = this.#sessions.get(session);
    this.#sessions.set(session, joined(known, [call.at, endOf(call)]));
  }

  async aggregates(): Promise<Aggregates> {
    return bounded({
      rows: [...this.#rows.values()],
      users: await hashed([...this.#users].map((user) => [user, null])),
      sessions: await hashed([...this.#sessions]),
    });
  }
}

/** Those of all the times together. */
export function mergeAggregates(all: readonly Aggregates[]): Aggregates {
  const rows = new Map<string, AggregateRow>();
  const users: Sample<null> = {};
  const sessions: Sample<CallSpan> = {};
  for (const aggregates of all) {
    for (const row of aggregates.rows) addRow(rows, row);
    Object.assign(users, aggregates.users);
    for (const [hash, stretch] of Object.entries(aggregates.sessions)) {
      sessions[hash] = joined(sessions[hash], stretch);
    }
  }
  return bounded({ rows: [...rows.values()], users, sessions });
}

/** How many there were: exactly if the sample is complete, else within a tenth or so. */
export function sizeOf(sample: Sample<unknown>): number {
  const hashes = Object.keys(sample).sort();
  if (hashes.length < SAMPLE) return hashes.length;
  const share = Number.parseInt(hashes.at(-1)!, 16) / 256 ** HASH_BYTES;
  return Math.max(SAMPLE, Math.round((SAMPLE - 1) / share));
}

export const isComplete = (sample: Sample<unknown>): boolean => Object.keys(sample).length < SAMPLE;

/** The duration that so many of a hundred calls did not exceed, in milliseconds; 0 without calls. */
export function percentile(durations: Histogram, percent: number): number {
  const classes = Object.entries(durations).map(([index, calls]) => [Number(index), calls] as const);
  const all = classes.reduce((sum, [, calls]) => sum + calls, 0);
  let seen = 0;
  for (const [index, calls] of classes.toSorted(([a], [b]) => a - b)) {
    seen += calls;
    if (seen >= (all * percent) / 100) return index === 0 ? 0 : (2 * CLASS_RATIO ** index) / (1 + CLASS_RATIO);
  }
  return 0;
}

/** Class `i` reaches from `CLASS_RATIO ** (i - 1)` to `CLASS_RATIO ** i`; in class 0 is what took no time to speak of. */
const classOf = (milliseconds: number) =>
  milliseconds < 1 ? 0 : Math.max(1, Math.ceil(Math.log(milliseconds) / Math.log(CLASS_RATIO)));

export function addDurations(to: Histogram, more: Histogram): void {
  for (const [index, calls] of Object.entries(more)) to[Number(index)] = (to[Number(index)] ?? 0) + calls;
}

function addRow(rows: Map<string, AggregateRow>, row: AggregateRow): void {
  const name = JSON.stringify([row.client, row.tool, row.outcome]);
  const known = rows.get(name);
  if (known === undefined) {
    rows.set(name, { ...row, durations: { ...row.durations } });
    return;
  }
  known.calls += row.calls;
  addDurations(known.durations, row.durations);
}

function bounded({ rows, users, sessions }: Aggregates): Aggregates {
  if (rows.length <= MOST_ROWS) return { rows, users: smallest(users), sessions: smallest(sessions) };
  // Equal counts are told apart by name, so that whoever counts the same calls again gets the same.
  const sorted = rows.toSorted((a, b) => b.calls - a.calls || (nameOf(a) < nameOf(b) ? -1 : 1));
  const kept = new Map(
    sorted.slice(0, MOST_ROWS).map((row) => [JSON.stringify([row.client, row.tool, row.outcome]), row]),
  );
  for (const row of sorted.slice(MOST_ROWS)) addRow(kept, { ...row, client: OTHERS, tool: OTHERS });
  return { rows: [...kept.values()], users: smallest(users), sessions: smallest(sessions) };
}

const nameOf = ({ client, tool, outcome }: AggregateRow) => `${client}\n${tool}\n${outcome}`;

const joined = (known: CallSpan | undefined, [first, last]: CallSpan): CallSpan =>
  known ? [Math.min(known[0], first), Math.max(known[1], last)] : [first, last];

/** Hexadecimal, so that what sorts first as text is the smallest number. */
async function hashed<T>(entries: [name: string, value: T][]): Promise<Sample<T>> {
  const hashes = await Promise.all(
    entries.map(async ([name, value]) => {
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes(name)));
      const hash = Array.from(digest.subarray(0, HASH_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('');
      return [hash, value] as const;
    }),
  );
  return Object.fromEntries(hashes);
}

function smallest<T>(sample: Sample<T>): Sample<T> {
  const entries = Object.entries(sample);
  if (entries.length <= SAMPLE) return sample;
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, SAMPLE));
}

/** How long a time is that aggregates are kept of, in milliseconds. Days are those of UTC. */
export const steps = { minutes: 300_000, hour: 3_600_000, day: 86_400_000 } as const;
export type Step = keyof typeof steps;

export const startOf = (step: Step, at: number): number => at - (at % steps[step]);

/**
 * Until when everything is counted, as far as that matters to whoever reads: before the first time, which is minutes after
 * a deployment, all that there can be is read call by call.
 */
export const countedUntil = async (aggregates: AggregateReader, now: number): Promise<number> =>
  (await aggregates.countedUntil()) ?? startOf('hour', now - steps.hour);

/** Statistics name nobody, so that those of days are kept for longer than calls. */
export const DAYS_KEPT = 400;

export type AggregatePeriod = { /** Epoch milliseconds, a multiple of its step. */ at: number; aggregates: Aggregates };

/** Where aggregates are found. Every method throws `Outage` when the store does not answer. */
export interface AggregateReader {
  /** Those of the times that begin from `from` and before `to`, in order; none of times without calls. */
  load(step: Step, from: number, to: number): Promise<AggregatePeriod[]>;
  /** Until when everything is counted, in epoch milliseconds; absent before the first time. */
  countedUntil(): Promise<number | undefined>;
}

/** Where they are kept. */
export interface AggregateStore extends AggregateReader {
  /** Replaces those of the same time. @param expiresAt epoch seconds */
  save(step: Step, period: AggregatePeriod, expiresAt: number): Promise<void>;
  /** Moves on until when everything is counted; false when it is no longer where it was. */
  moveOn(from: number | undefined, to: number): Promise<boolean>;
}
