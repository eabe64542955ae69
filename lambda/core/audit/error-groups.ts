import { hashNames, isComplete, type Sample, sizeOf, smallest } from './samples.ts';
import { type CallOutcome, callName, clientOf, endOf, isError, OTHERS, type ToolCall, toolOf } from './tool-call.ts';

/**
 * Errors of a period by group, beside the aggregates of all calls. Errors are rare, so a period has few groups, and most
 * periods have none. They expire with the calls, because they name sessions.
 */
export type ErrorAggregates = {
  groups: ErrorGroup[];
  /** The calls of the groups; only of a period of five minutes, and absent if there are too many. */
  calls?: GroupedCall[];
};

/** Errors of one fingerprint, or else of one tool and outcome. */
export type ErrorGroup = {
  /** As `toolOf` names it, or `OTHERS`. */
  tool: string;
  outcome: CallOutcome;
  /** As in `ToolCall`. */
  fingerprint?: string;
  errorClass?: string;
  errorPlace?: string;
  calls: number;
  /** Ends of the first and the last call, in epoch milliseconds. */
  firstAt: number;
  lastAt: number;
  users: Sample<null>;
  /** Calls by client (`clientOf`), the most frequent clients. */
  clients: Record<string, number>;
  last: CallKey;
};

/** A call by its session and `callName`. */
export type CallKey = { session: string; call: string };
export type GroupedCall = [group: number, session: string, call: string];

/** Further groups are counted together, by outcome. */
const MOST_GROUPS = 60;
/** Further calls of five minutes are found by reading all calls of the five minutes. */
const MOST_CALLS = 500;
const MOST_CLIENTS = 8;
const USERS_SAMPLED = 32;

export const usersIn = ({ users }: ErrorGroup) => ({
  users: sizeOf(users, USERS_SAMPLED),
  isEstimate: !isComplete(users, USERS_SAMPLED),
});

/** Groups errors one by one. Other calls are ignored. */
export class ErrorGroupBuilder {
  readonly #groups = new Map<string, ErrorGroup & { names: Set<string> }>();
  readonly #calls: [group: string, session: string, call: string][] = [];

  add(call: ToolCall): void {
    const { outcome, errorFingerprint: fingerprint, errorClass, errorPlace, user, session } = call;
    if (!isError(outcome)) return;
    const at = endOf(call);
    const group: ErrorGroup = {
      tool: toolOf(call),
      outcome,
      ...(fingerprint !== undefined && { fingerprint }),
      ...(errorClass !== undefined && { errorClass }),
      ...(errorPlace !== undefined && { errorPlace }),
      calls: 1,
      firstAt: at,
      lastAt: at,
      users: {},
      clients: { [clientOf(call)]: 1 },
      last: { session, call: callName(call) },
    };
    const key = keyOf(group);
    const found = this.#groups.get(key);
    const joined = found ? join(found, group) : group;
    this.#groups.set(key, { ...joined, names: (found?.names ?? new Set()).add(user) });
    this.#calls.push([key, session, callName(call)]);
  }

  async aggregates(): Promise<ErrorAggregates> {
    const whole = await Promise.all(
      [...this.#groups.values()].map(async ({ names, ...group }) => ({
        ...group,
        users: await hashNames([...names].map((user) => [user, null])),
      })),
    );
    const groups = bounded(whole);
    if (this.#calls.length > MOST_CALLS) return { groups };
    const index = new Map(groups.map((group, position) => [keyOf(group), position]));
    const others = (key: string) => index.get(keyOf(othersOf(this.#groups.get(key)!)))!;
    return { groups, calls: this.#calls.map(([key, ...call]) => [index.get(key) ?? others(key), ...call]) };
  }
}

export const mergeErrors = (all: readonly ErrorAggregates[]): ErrorAggregates => ({
  groups: bounded(all.flatMap(({ groups }) => groups)),
});

export const countErrorsIn = ({ groups }: ErrorAggregates): number => groups.reduce((sum, { calls }) => sum + calls, 0);

export const keyOf = ({ tool, outcome, fingerprint = '' }: Pick<ErrorGroup, 'tool' | 'outcome' | 'fingerprint'>) =>
  fingerprint || JSON.stringify([tool, outcome]);

function join(a: ErrorGroup, b: ErrorGroup): ErrorGroup {
  const clients = { ...a.clients };
  for (const [name, calls] of Object.entries(b.clients)) clients[name] = (clients[name] ?? 0) + calls;
  // The class and line of the latest call: the next deployment may move the line.
  const [earlier, later] = isLater(a, b) ? [b, a] : [a, b];
  return {
    ...earlier,
    ...later,
    calls: a.calls + b.calls,
    firstAt: Math.min(a.firstAt, b.firstAt),
    users: { ...a.users, ...b.users },
    clients,
  };
}

const isLater = (a: ErrorGroup, b: ErrorGroup) =>
  a.lastAt > b.lastAt || (a.lastAt === b.lastAt && a.last.call > b.last.call);

const othersOf = ({ errorClass, errorPlace, fingerprint, ...group }: ErrorGroup): ErrorGroup => ({
  ...group,
  tool: OTHERS,
});

function bounded(all: ErrorGroup[]): ErrorGroup[] {
  const groups = joined(all);
  // Equal counts are sorted by key, so that a repeated aggregation of the same calls has the same result.
  const sorted = groups.toSorted((a, b) => b.calls - a.calls || (keyOf(a) < keyOf(b) ? -1 : 1));
  const kept = joined([...sorted.slice(0, MOST_GROUPS), ...sorted.slice(MOST_GROUPS).map(othersOf)]);
  return kept.map((group) => ({
    ...group,
    users: smallest(group.users, USERS_SAMPLED),
    clients: Object.fromEntries(mostFrequent(group.clients).slice(0, MOST_CLIENTS)),
  }));
}

function joined(groups: ErrorGroup[]): ErrorGroup[] {
  const byKey = new Map<string, ErrorGroup>();
  for (const group of groups) {
    const found = byKey.get(keyOf(group));
    byKey.set(keyOf(group), found ? join(found, group) : group);
  }
  return [...byKey.values()];
}

export const mostFrequent = (clients: Record<string, number>): [name: string, calls: number][] =>
  Object.entries(clients).toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
