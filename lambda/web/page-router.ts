import type { CallOutcome } from '../core/audit/tool-call.ts';
import {
  type BarBreakdown,
  breakdowns,
  callOutcomes,
  ERRORS,
  versionBreakdowns,
} from '../core/dashboard/dashboard-api.ts';
import { createStore, useStore } from './page-store.ts';

/** The state of the page is its URL, so that a reload, a bookmark and a new tab show the same view. */

const views = ['overview', 'calls', 'errors', 'sessions', 'session', 'grants', 'tokens', 'users', 'me'] as const;
export type View = (typeof views)[number];

const HOUR = 3_600_000;
export const ranges = { '1h': HOUR, '24h': 24 * HOUR, '7d': 7 * 24 * HOUR, '30d': 30 * 24 * HOUR };
/** The server's aggregation steps. A period that starts with a step has as many rows as its totals count. */
const steps = { '1h': HOUR / 12, '24h': HOUR, '7d': HOUR, '30d': 24 * HOUR };
export type RangeName = keyof typeof ranges;

export type Route = {
  view: View;
  user?: string | undefined;
  grant?: string | undefined;
  /** The registered name of the client. */
  client?: string | undefined;
  /** The name that the client states. */
  clientInfo?: string | undefined;
  tool?: string | undefined;
  outcome?: CallOutcome | typeof ERRORS | undefined;
  /** The fingerprint of an error. */
  error?: string | undefined;
  range: RangeName;
  /** With `to`, a fixed period in epoch milliseconds, which takes precedence over `range`. */
  from?: number | undefined;
  to?: number | undefined;
  /** The breakdown of the bars. */
  by: BarBreakdown;
  /** The id of the session, or of the grant to highlight. */
  id?: string | undefined;
  /** The id of the selected call. */
  call?: string | undefined;
};

/** A link target; absent and undefined members have their defaults. */
export type RouteTarget = { [Member in keyof Route]?: Route[Member] | undefined } & Pick<Route, 'view'>;

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
    clientInfo: text('clientInfo'),
    tool: text('tool'),
    outcome: oneOf([...callOutcomes, ERRORS], query.get('outcome')),
    error: text('error'),
    range: oneOf(Object.keys(ranges) as RangeName[], query.get('range')) ?? DEFAULTS.range,
    ...(from !== undefined && to !== undefined && from < to && { from, to }),
    by: oneOf([...breakdowns, ...versionBreakdowns], query.get('by')) ?? DEFAULTS.by,
    id: text('id'),
    call: text('call'),
  };
}

const oneOf = <T extends string>(all: readonly T[], value: string | null) => all.find((each) => each === value);

function time(value: string | null): number | undefined {
  const number = Number(value);
  // The range of `Date`.
  return value && Number.isFinite(number) && Math.abs(number) < 8.64e15 ? number : undefined;
}

export function hrefOf(target: RouteTarget): string {
  const { view, user, grant, client, clientInfo, tool, outcome, error, range, from, to, by, id, call } = target;
  const isFixed = from !== undefined && to !== undefined;
  const query = new URLSearchParams();
  const times = { range: isFixed ? undefined : range, from, to };
  const members = { view, user, grant, client, clientInfo, tool, outcome, error, ...times, by, id, call };
  for (const [name, value] of Object.entries(members)) {
    if (value !== undefined && value !== (DEFAULTS as Record<string, unknown>)[name]) query.set(name, String(value));
  }
  const search = query.toString();
  return search ? `${location.pathname}?${search}` : location.pathname;
}

const current = createStore(routeOf(location.search));
addEventListener('popstate', () => current.set(routeOf(location.search)));

export const useRoute = (): Route => useStore(current);

export function navigate(target: RouteTarget, { replace = false } = {}): void {
  const href = hrefOf(target);
  if (replace || href === location.pathname + location.search) history.replaceState(null, '', href);
  else history.pushState(null, '', href);
  current.set(routeOf(location.search));
}

/** The members of a route that apply to all views. */
export const sharedFilters = ({ user, range, from, to }: Route) => ({ user, range, from, to });

/** The period of the route. */
export function periodOf({ range, from, to }: Route, now: number): { from: number; to: number } {
  if (from !== undefined && to !== undefined) return { from, to };
  const since = now - ranges[range];
  // To the end of this second, which can still have calls.
  return { from: since - (since % steps[range]), to: now + 1000 };
}

/** Whether the period ends now, and so can have new calls. */
export const endsNow = ({ from }: Route): boolean => from === undefined;

/** The `Filter` of a request, as query parameters. */
export function filterOf(route: Route, now = Date.now()): URLSearchParams {
  const { user, grant, client, clientInfo, tool, outcome } = route;
  const { from, to } = periodOf(route, now);
  return queryOf({ from, to, user, grant, client, clientInfo, tool, outcome });
}

/** The same for a list of calls, which can be those of one error. */
export function callFilterOf(route: Route): URLSearchParams {
  const query = filterOf(route);
  if (route.error !== undefined) query.set('error', route.error);
  return query;
}

export function queryOf(members: Record<string, string | number | undefined>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(members)) if (value !== undefined) query.set(name, String(value));
  return query;
}
