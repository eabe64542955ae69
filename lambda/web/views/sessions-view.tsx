import { useEffect } from 'preact/hooks';
import type { SessionRow } from '../../core/dashboard/dashboard-api.ts';
import { Filters } from '../components/filters.tsx';
import { Link } from '../components/link.tsx';
import { More } from '../components/load-more.tsx';
import { Moment } from '../components/moment.tsx';
import { Empty, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { SessionState } from '../components/session-state.tsx';
import { UserName } from '../components/user-name.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { count, duration } from '../format.ts';
import { learn } from '../known-values.ts';
import { endsNow, filterOf, hrefOf } from '../page-router.ts';
import { usePages } from '../paged-list.ts';
import { showsUsers, type ViewProps } from './view-props.ts';

const { columns, sessions: words } = dashboardText;

/** Of what was counted when there was too much to count. */
export const counted = (number: number, { isPartial }: SessionRow): string =>
  isPartial ? `${words.partial} ${count(number)}` : count(number);

export function SessionsView({ route, me }: ViewProps) {
  const sought = { ...route, tool: undefined, outcome: undefined, by: undefined };
  const pages = usePages<SessionRow>(
    'sessions',
    hrefOf(sought),
    () => filterOf(route),
    ({ id }) => id,
    { isLive: endsNow(route) },
  );
  const { items, failure, retrySeconds, isStale, hasMore } = pages;
  useEffect(() => learn({ users: items ?? [], clients: items?.map(({ clientLabel }) => clientLabel) ?? [] }), [items]);
  const withUsers = showsUsers({ route, me });
  const isFiltered = Boolean(route.client || route.grant || (me?.isAdmin && route.user));
  return (
    <>
      <h1>{dashboardText.views.sessions}</h1>
      <Filters route={{ ...route, tool: undefined, outcome: undefined }} me={me} ofCalls={false} />
      <ErrorMessage failure={failure} retrySeconds={retrySeconds} />
      {!items || !me ? (
        !failure && <Skeleton kind="row" count={10} />
      ) : (
        <section class="panel" aria-label={words.caption} aria-busy={isStale}>
          {items.length === 0 && !hasMore && (
            <Empty heading={words.empty}>
              {isFiltered || !endsNow(route)
                ? dashboardText.calls.emptyFiltered
                : dashboardText.calls.emptyNew(`${location.origin}/mcp`)}
            </Empty>
          )}
          {items.length > 0 && (
            <table class="cards">
              <caption class="unseen">{words.caption}</caption>
              <thead>
                <tr>
                  <th scope="col">{columns.client}</th>
                  {withUsers && <th scope="col">{columns.user}</th>}
                  <th scope="col">{columns.state}</th>
                  <th scope="col" class="wide">
                    {columns.firstActivity}
                  </th>
                  <th scope="col">{columns.lastActivity}</th>
                  <th scope="col" class="number">
                    {columns.length}
                  </th>
                  <th scope="col" class="number">
                    {columns.calls}
                  </th>
                  <th scope="col" class="number">
                    {columns.errors}
                  </th>
                  <th scope="col" class="wide">
                    {columns.era}
                  </th>
                </tr>
              </thead>
              <tbody>
                {items.map((session) => (
                  <tr key={session.id}>
                    <th scope="row" data-label={columns.client}>
                      <Link to={{ view: 'session', id: session.id }} title={session.id}>
                        {session.clientLabel}
                      </Link>
                    </th>
                    {withUsers && (
                      <td data-label={columns.user}>
                        <UserName user={session.user} userName={session.userName} />
                      </td>
                    )}
                    <td data-label={columns.state}>
                      <SessionState isActive={!session.ended}>{words.states[session.ended ?? 'active']}</SessionState>
                    </td>
                    <td data-label={columns.firstActivity} class="nowrap wide">
                      <Moment at={session.firstCallAt} />
                    </td>
                    <td data-label={columns.lastActivity} class="nowrap">
                      <Moment at={session.lastCallAt} />
                    </td>
                    <td data-label={columns.length} class="number nowrap">
                      {duration(session.lastCallAt - session.firstCallAt)}
                    </td>
                    <td data-label={columns.calls} class="number">
                      {counted(session.calls, session)}
                    </td>
                    <td data-label={columns.errors} class="number">
                      {counted(session.errors, session)}
                    </td>
                    <td data-label={columns.era} class="wide">
                      {dashboardText.eras[session.era]}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          <More pages={pages} />
        </section>
      )}
    </>
  );
}
