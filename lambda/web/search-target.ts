import type { IdSearchResult, Me, Overview, ResultPage, UserRow } from '../core/dashboard/dashboard-api.ts';
import { get } from './api-client.ts';
import { idsShown } from './format.ts';
import { filterOf, queryOf, type RouteTarget, routeOf } from './page-router.ts';
import { addSuggestions, suggestions } from './suggestions.ts';

/**
 * The view of what the user looks for: a tool, a client or a user by its name, or an item by its id, also as lists show it,
 * without its end.
 *
 * @throws ApiRequestError of status 404 for an unknown one
 */
export async function targetOf(given: string, me: Me): Promise<RouteTarget> {
  const { signal } = new AbortController();
  await loadNames(me, signal);
  const named = targetOfName(given.toLowerCase(), me);
  if (named) return named;
  const id = idsShown.get(given) ?? idsShown.get(`${given}…`) ?? given;
  return targetOfResult(await get<IdSearchResult>('find', queryOf({ id }), signal), me);
}

/** The most frequent tools and clients of a month, and for admins the users who have signed in last. */
async function loadNames(me: Me, signal: AbortSignal): Promise<void> {
  const [{ rows }, users] = await Promise.all([
    get<Overview>('overview', filterOf({ ...routeOf(''), range: '30d' }), signal),
    me.isAdmin ? get<ResultPage<UserRow>>('users', queryOf({ limit: 200 }), signal) : { items: [] },
  ]);
  addSuggestions({
    tools: rows.tool.map(({ name }) => name),
    clients: rows.client.map(({ name }) => ({ clientLabel: name })),
    users: users.items,
  });
}

/** An equal name, or else the only one that contains the given text. */
function targetOfName(given: string, me: Me): RouteTarget | undefined {
  const { tools, clients, clientInfos, users } = suggestions.get();
  const month = { view: 'calls', range: '30d' } as const;
  const all: [name: string, target: RouteTarget][] = [
    ...[...tools].map((tool) => [tool, { ...month, tool }] as [string, RouteTarget]),
    ...[...clients].map((client) => [client, { ...month, client }] as [string, RouteTarget]),
    ...[...clientInfos]
      .filter((name) => !clients.has(name))
      .map((clientInfo) => [clientInfo, { ...month, clientInfo }] as [string, RouteTarget]),
    ...(me.isAdmin ? [...users] : []).map(
      ([user, name]) => [name, { view: 'overview', range: '30d', user }] as [string, RouteTarget],
    ),
  ].filter(([name]) => name.trim());
  const equal = all.find(([name]) => name.toLowerCase() === given);
  const containing = all.filter(([name]) => name.toLowerCase().includes(given));
  return equal?.[1] ?? (containing.length === 1 ? containing[0]![1] : undefined);
}

function targetOfResult(found: IdSearchResult, me: Me): RouteTarget {
  const user = (key: string) => (me.isAdmin ? { user: key } : {});
  switch (found.kind) {
    case 'session':
      return { view: 'session', id: found.session };
    case 'call':
      return { view: 'session', id: found.session, call: found.call.slice(found.call.indexOf('#') + 1) };
    case 'grant':
      return { view: 'grants', id: found.grant, ...user(found.user) };
    case 'user':
      return { view: 'overview', ...user(found.user) };
  }
}
