import type { CallOutcome } from '../core/audit/tool-call.ts';
import { type Breakdown, breakdowns, ERRORS } from '../core/dashboard/dashboard-api.ts';
import { createStore, useStore } from './page-store.ts';

/** The page's state is its address: a reload, a bookmark and a new tab show the same. */

const views = ['overview', 'calls', 'sessions', 'session', 'grants', 'users', 'me'] as const;
export type View = (typeof views)[number];

const HOUR = 3_600_000;
export const ranges = { '1h': HOUR, '24h': 24 * HOUR, '7d': 7 * 24 * HOUR, '30d': 30 * 24 * HOUR };
/** The server counts by these: what begins with one of them has as many rows as its numbers say. */
const bars = { '1h': HOUR / 12, '24h': HOUR, '7d': HOUR, '30d': 24 * HOUR };
export type RangeName = keyof typeof ranges;

export const outcomes = [
  'success',
  'tool-error',
  'protocol-error',
  'refused',
  'timed-out',
] as const satisfies CallOutcome[];

export type Route = {
  view: View;
  user?: string;
  grant?: string;
  client?: string;
  tool?: string;
  outcome?: CallOutcome | typeof ERRORS;
  range: RangeName;
  /** Both or none, in epoch milliseconds; they go before `range`. */
  from?: number;
  to?: number;
  /** How the bars are divided. */
  by: Breakdown;
  /** Of a session, or of the grant that was looked for. */
  id?: string;
  /** The call that is opened. */
  call?: string;
};

/** What may be left out where one links to. */
export type RouteTarget = Partial<Route> & Pick<Route, 'view'>;

const DEFAULTS = { view: 'overview', range: '24h', by: 'outcome' } as const;

export function routeOf(search: string): Route {
  const query = new URLSearchParams(search);
  const text = (name: string) => query.get(name)?.trim() || undefined;
  const from = time(query.get('from'));
  const to = time(query.get('to'));
  return {
    view: oneOf(views, query.get('view')) ?? DEFAULTS.view,
    user: text('user'),
    grant: text('grant'),
    client: text('client'),
    tool: text('tool'),
    outcome: oneOf([...outcomes, ERRORS], query.get('outcome')),
    range: oneOf(Object.keys(ranges) as RangeName[], query.get('range')) ?? DEFAULTS.range,
    ...(from !== undefined && to !== undefined && from < to && { from, to }),
    by: oneOf(breakdowns, query.get('by')) ?? DEFAULTS.by,
    id: text('id'),
    call: text('call'),
  };
}

const oneOf = <T extends string>(all: readonly T[], value: string | null) => all.find((each) => each === value);

function time(value: string | null): number | undefined {
  const number = Number(value);
  // Beyond this no `Date` can go.
  return value && Number.isFinite(number) && Math.abs(number) < 8.64e15 ? number : undefined;
}

export function hrefOf(target: RouteTarget): string {
  const { view, user, grant, client, tool, outcome, range, from, to, by, id, call } = target;
  const isFixed = from !== undefined && to !== undefined;
  const query = new URLSearchParams();
  const times = { range: isFixed ? undefined : range, from, to };
  const members = { view, user, grant, client, tool, outcome, ...times, by, id, call };
  for (const [name, value] of Object.entries(members)) {
    if (value !== undefined && value !== (DEFAULTS as Record<string, unknown>)[name]) query.set(name, String(value));
  }
  const search = query.toString();
  return search ? `${location.pathname}?${search}` : location.pathname;
}

const current = createStore(routeOf(location.search));
addEventListener('popstate', () => current.set(routeOf(location.search)));

export const useRoute = (): Route => useStore(current);

export function go(target: RouteTarget, { replace = false } = {}): void {
  const href = hrefOf(target);
  if (replace || href === location.pathname + location.search) history.replaceState(null, '', href);
  else history.pushState(null, '', href);
  current.set(routeOf(location.search));
}

/** What stays when one goes from one view to another. */
export const kept = ({ user, range, from, to }: Route) => ({ user, range, from, to });

/** The time that is looked at. */
export function windowOf({ range, from, to }: Route, now: number): { from: number; to: number } {
  if (from !== undefined && to !== undefined) return { from, to };
  const since = now - ranges[range];
  // To the end of this second, in which there may be a call yet.
  return { from: since - (since % bars[range]), to: now + 1000 };
}

/** Whether what is looked at still grows. */
export const endsNow = ({ from }: Route): boolean => from === undefined;

/** The `Filter` of a request. */
export function filterOf(route: Route, now = Date.now()): URLSearchParams {
  const { user, grant, client, tool, outcome } = route;
  const { from, to } = windowOf(route, now);
  return queryOf({ from, to, user, grant, client, tool, outcome });
}

export function queryOf(members: Record<string, string | number | undefined>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(members)) if (value !== undefined) query.set(name, String(value));
  return query;
}
