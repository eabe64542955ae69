import type { CallKey } from './error-groups.ts';
import { hashNames } from './samples.ts';
import { bucketOf, callName, clientOf, isError, OTHERS, type ToolCall, toolOf } from './tool-call.ts';

/**
 * The users with the most calls, the versions of clients and of the protocol, and the succession of tools in a period,
 * beside the aggregates of all calls. They expire with the calls, because they name sessions.
 */
export type UsageAggregates = { users: TopUser[]; versions: VersionRow[]; pairs: ToolPair[] };

/** A user with many calls, known by a digest. */
export type TopUser = {
  /** As `hashNames` computes it. */
  hash: string;
  calls: number;
  errors: number;
  /** Leads to the user, as long as the call is stored. */
  last: CallKey;
};

/** Calls of one version of a client. */
export type VersionRow = {
  /** As `clientOf` names it, or `OTHERS`. */
  client: string;
  /** From `clientInfo`; empty if it has none. */
  clientVersion: string;
  /** Empty if the request states none. */
  protocolVersion: string;
  calls: number;
};

/**
 * Successive calls of a session that ended in the same five minutes, so that a repeated aggregation has the same result. A
 * pair that ends in two of them is not counted.
 */
export type ToolPair = {
  /** As `toolOf` names them, or `OTHERS`. */
  before: string;
  after: string;
  calls: number;
};

/** A user with fewer calls in each of the merged periods is missing, so later numbers are lower bounds. */
const MOST_USERS = 20;
/** Further rows are counted together. */
const MOST_VERSIONS = 40;
const MOST_PAIRS = 60;

/** Aggregates calls one by one. */
export class UsageBuilder {
  readonly #users = new Map<string, Omit<TopUser, 'hash'>>();
  readonly #versions: VersionRow[] = [];
  readonly #sequences = new Map<string, ToolCall[]>();

  add(call: ToolCall): void {
    const { user, outcome, session, clientVersion = '', protocolVersion = '' } = call;
    const one = { calls: 1, errors: Number(isError(outcome)), last: { session, call: callName(call) } };
    const found = this.#users.get(user);
    this.#users.set(user, found ? joinUsers(found, one) : one);
    this.#versions.push({ client: clientOf(call), clientVersion, protocolVersion, calls: 1 });
    const sequence = `${session} ${bucketOf(call)}`;
    const calls = this.#sequences.get(sequence);
    if (calls) calls.push(call);
    else this.#sequences.set(sequence, [call]);
  }

  async aggregates(): Promise<UsageAggregates> {
    const users = await hashNames([...this.#users]);
    return mergeUsage([
      {
        users: Object.entries(users).map(([hash, user]) => ({ hash, ...user })),
        versions: this.#versions,
        pairs: [...this.#sequences.values()].flatMap(pairsIn),
      },
    ]);
  }
}

function pairsIn(calls: ToolCall[]): ToolPair[] {
  const tools = calls.toSorted((a, b) => (callName(a) < callName(b) ? -1 : 1)).map(toolOf);
  return tools.slice(1).map((after, index) => ({ before: tools[index]!, after, calls: 1 }));
}

export function mergeUsage(all: readonly UsageAggregates[]): UsageAggregates {
  const users = new Map<string, TopUser>();
  for (const user of all.flatMap((each) => each.users)) {
    const found = users.get(user.hash);
    users.set(user.hash, found ? { hash: user.hash, ...joinUsers(found, user) } : user);
  }
  return {
    users: [...users.values()].toSorted((a, b) => b.calls - a.calls || (a.hash < b.hash ? -1 : 1)).slice(0, MOST_USERS),
    versions: summed(
      all.flatMap(({ versions }) => versions),
      ({ client, clientVersion, protocolVersion }) => [client, clientVersion, protocolVersion],
      ([client, clientVersion, protocolVersion]) => ({ client, clientVersion, protocolVersion }),
      MOST_VERSIONS,
    ),
    pairs: summed(
      all.flatMap(({ pairs }) => pairs),
      ({ before, after }) => [before, after],
      ([before, after]) => ({ before, after }),
      MOST_PAIRS,
    ),
  };
}

const joinUsers = (a: Omit<TopUser, 'hash'>, b: Omit<TopUser, 'hash'>) => ({
  calls: a.calls + b.calls,
  errors: a.errors + b.errors,
  last: a.last.call > b.last.call ? a.last : b.last,
});

/** Sums the calls of rows with equal names, most calls first. Rows beyond the limit are one row of `OTHERS`. */
function summed<T extends { calls: number }, Names extends string[]>(
  rows: T[],
  namesOf: (row: T) => readonly [...Names],
  rowOf: (names: readonly [...Names]) => Omit<T, 'calls'>,
  most: number,
): T[] {
  const add = (sums: Map<string, number>, names: readonly string[], calls: number) => {
    const key = JSON.stringify(names);
    return sums.set(key, (sums.get(key) ?? 0) + calls);
  };
  const sums = new Map<string, number>();
  for (const row of rows) add(sums, namesOf(row), row.calls);
  // Equal counts are sorted by name, so that a repeated aggregation of the same calls has the same result.
  const sorted = [...sums].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const kept = new Map(sorted.slice(0, most));
  for (const [key, calls] of sorted.slice(most)) {
    add(
      kept,
      (JSON.parse(key) as string[]).map(() => OTHERS),
      calls,
    );
  }
  return [...kept].map(([key, calls]) => ({ ...rowOf(JSON.parse(key)), calls }) as T);
}
