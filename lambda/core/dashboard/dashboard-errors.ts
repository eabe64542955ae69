import { startOf, steps } from '../audit/aggregates.ts';
import { type CallFilter, groupMatchesFilter } from '../audit/call-filter.ts';
import { type ErrorGroup, keyOf, mergeErrors, mostFrequent, usersIn } from '../audit/error-groups.ts';
import { callName, type ToolCall } from '../audit/tool-call.ts';
import type { ErrorOverview, ErrorRow } from './dashboard-api.ts';
import type { Dashboard } from './dashboard-dependencies.ts';
import { ofErrors, periodsOfAllUsers, periodsOfUser, stepFor } from './overview-periods.ts';

export type ErrorDependencies = Pick<Dashboard, 'calls' | 'search' | 'aggregates' | 'retentionDays' | 'now'>;

/** About the most bars of a trend. */
const MOST_BARS = 60;
/** The last calls of so many groups are read in one request. */
const MOST_GROUPS = 100;

/** The errors of a time, by group. */
export async function errorGroups(dependencies: ErrorDependencies, filter: CallFilter): Promise<ErrorOverview> {
  const now = dependencies.now();
  const since = Math.max(filter.from, now - dependencies.retentionDays * steps.day);
  const step = stepFor({ ...filter, from: since }, MOST_BARS);
  const from = startOf(step, since);
  const to = Math.max(from, Math.min(startOf(step, filter.to - 1), startOf(step, now)) + steps[step]);
  const { user } = filter;
  const { periods, completeSince } =
    user === undefined
      ? await periodsOfAllUsers(ofErrors, dependencies, { ...filter, from, to }, step)
      : await periodsOfUser(ofErrors, dependencies, { ...filter, user, from, to }, step);

  const bars: number[] = [];
  for (let at = from; at < to; at += steps[step]) bars.push(at);
  const groups = mergeErrors(periods.map(({ aggregates }) => aggregates))
    .groups.filter((group) => groupMatchesFilter(group, filter))
    .toSorted((a, b) => b.lastAt - a.lastAt || (keyOf(a) < keyOf(b) ? -1 : 1))
    .slice(0, MOST_GROUPS);
  const byStart = new Map(periods.map(({ at, aggregates }) => [at, aggregates.groups]));
  const callsAt = (at: number, name: string) => byStart.get(at)?.find((each) => keyOf(each) === name)?.calls ?? 0;
  const lastCalls = await dependencies.calls.callsOfKeys(
    groups.map(({ last }) => last),
    Math.floor(now / 1000),
  );
  return {
    from,
    to,
    stepMilliseconds: steps[step],
    bars,
    groups: groups.map((group) => ({
      ...rowOf(group, lastCalls),
      bars: bars.map((at) => callsAt(at, keyOf(group))),
    })),
    ...(completeSince !== undefined && { completeSince }),
  };
}

function rowOf(group: ErrorGroup, lastCalls: ToolCall[]): Omit<ErrorRow, 'bars'> {
  const { tool, outcome, fingerprint, errorClass, errorPlace, calls, firstAt, lastAt, clients, last } = group;
  const { session, call } = last;
  const lastCall = lastCalls.find((each) => each.session === session && callName(each) === call);
  return {
    tool,
    outcome,
    ...(fingerprint !== undefined && { error: fingerprint }),
    ...(errorClass !== undefined && { errorClass }),
    ...(errorPlace !== undefined && { errorPlace }),
    ...(lastCall?.errorMessage !== undefined && { errorMessage: lastCall.errorMessage }),
    calls,
    ...usersIn(group),
    clients: mostFrequent(clients).map(([name]) => name),
    firstAt,
    lastAt,
    last,
  };
}
